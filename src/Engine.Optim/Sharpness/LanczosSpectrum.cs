using Engine.Model.Numerics;

namespace Engine.Optim.Sharpness;

/// <summary>
/// Both ends of the Hessian's spectrum, and its density as Gauss quadrature has it: Lanczos from a random vector with full
/// re-orthogonalisation (Golub and Van Loan, Matrix Computations, section 10.1; Ghorbani et al. 2019, arXiv 1901.10159).
/// </summary>
/// <param name="Nodes">Ritz values, the largest first.</param>
/// <param name="Weights">The part of the spectrum that each stands for: squared first components of the tridiagonal's eigenvectors; their
/// sum is 1.</param>
/// <param name="TopError">How far the largest Ritz value can be from an eigenvalue.</param>
/// <param name="BottomError">The same of the smallest.</param>
public sealed record LanczosSpectrum(IReadOnlyList<double> Nodes, IReadOnlyList<double> Weights, double TopError, double BottomError)
{
    /// <summary>A new direction below this part of the largest one is round-off of the differences: the space found is invariant.</summary>
    private const double Breakdown = 1e-5;

    /// <summary>The largest eigenvalue.</summary>
    public double Top => Nodes[0];

    /// <summary>The smallest eigenvalue.</summary>
    public double Bottom => Nodes[^1];

    /// <summary>Two gradients a step; memory for a vector a step.</summary>
    internal static LanczosSpectrum Measure(SurfaceProbe probe, int steps, ulong seed)
    {
        VectorSpace space = probe.Space;
        var basis = new List<SurfaceVector>();
        try
        {
            var diagonal = new List<double>();
            var offDiagonal = new List<double>();
            SurfaceVector next = Add(basis, space);
            space.FillNormals(next, seed, 0);
            space.Normalize(next);
            double largest = 0;
            for (int step = 0; ; step++)
            {
                SurfaceVector v = basis[^1];
                next = Add(basis, space);
                probe.HessianProduct(v, next);
                diagonal.Add(space.Dot(v, next));
                Orthogonalize(space, next, basis);
                double length = space.Norm(next);
                offDiagonal.Add(length);
                largest = Math.Max(largest, Math.Max(Math.Abs(diagonal[^1]), length));
                if (step + 1 == Math.Min(steps, space.Dimension) || length <= Breakdown * largest)
                {
                    return Of(diagonal, offDiagonal);
                }

                space.Scale(1 / length, next);
            }
        }
        finally
        {
            basis.ForEach(vector => vector.Dispose());
        }
    }

    private static LanczosSpectrum Of(List<double> diagonal, List<double> offDiagonal)
    {
        double last = offDiagonal[^1];
        (double[] values, double[][] vectors) = SymmetricTridiagonal.Eigen(diagonal, offDiagonal);
        return new LanczosSpectrum(
            values, [.. vectors.Select(vector => vector[0] * vector[0])], Math.Abs(last * vectors[0][^1]),
            Math.Abs(last * vectors[^1][^1]));
    }

    private static SurfaceVector Add(List<SurfaceVector> basis, VectorSpace space)
    {
        SurfaceVector vector = space.Create();
        basis.Add(vector);
        return vector;
    }

    /// <summary>Against every vector before it, twice: what the first pass leaves by round-off, the second takes.</summary>
    private static void Orthogonalize(VectorSpace space, SurfaceVector vector, List<SurfaceVector> basis)
    {
        for (int pass = 0; pass < 2; pass++)
        {
            foreach (SurfaceVector other in basis.Where(other => other != vector))
            {
                space.AddScaled(-space.Dot(other, vector), other, vector);
            }
        }
    }
}
