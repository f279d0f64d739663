using MathNet.Numerics.LinearAlgebra;
using MathNet.Numerics.LinearAlgebra.Factorization;

namespace Engine.Model.Numerics;

/// <summary>Eigenvalues of the small symmetric tridiagonal matrices that Lanczos processes end in.</summary>
internal static class SymmetricTridiagonal
{
    /// <summary>Eigenvalues, the largest first, and their eigenvectors.</summary>
    /// <param name="diagonal">[n].</param>
    /// <param name="offDiagonal">Elements (i, i + 1) at i, [n], the last one unread.</param>
    /// <exception cref="ArithmeticException">An element is no finite number.</exception>
    public static (double[] Values, double[][] Vectors) Eigen(IReadOnlyList<double> diagonal, IReadOnlyList<double> offDiagonal)
    {
        int size = diagonal.Count;
        if (!diagonal.Concat(offDiagonal.Take(size - 1)).All(double.IsFinite))
        {
            throw new ArithmeticException("The eigenvalues of a tridiagonal matrix were not found; it holds a number that is not finite.");
        }

        var matrix = Matrix<double>.Build.Dense(
            size, size, (i, j) => i == j ? diagonal[i] : Math.Abs(i - j) == 1 ? offDiagonal[Math.Min(i, j)] : 0);
        Evd<double> eigen = matrix.Evd(Symmetricity.Symmetric);
        int[] order = [.. Enumerable.Range(0, size).OrderByDescending(i => eigen.EigenValues[i].Real)];
        return ([.. order.Select(i => eigen.EigenValues[i].Real)], [.. order.Select(i => eigen.EigenVectors.Column(i).ToArray())]);
    }
}
