using System.Numerics.Tensors;
using MathNet.Numerics.LinearAlgebra;
using MathNet.Numerics.LinearAlgebra.Factorization;

namespace Engine.Optim.Sharpness;

/// <summary>
/// Singular values and left singular vectors of a matrix from the eigenvectors of its smaller Gram matrix, in float64: exact to about 1e-8
/// of the largest value, below which values count as 0 and have no vector. min(rows, columns)^3 operations, on one thread.
/// </summary>
/// <param name="Values">The largest first.</param>
/// <param name="Left">[value] u of length rows each; empty where vectors are not wanted.</param>
internal sealed record GramSpectrum(double[] Values, float[][] Left)
{
    private const double Vanishing = 1e-6;

    /// <param name="matrix">[rows, columns].</param>
    public static GramSpectrum Of(float[] matrix, int rows, int columns, bool wantsVectors)
    {
        bool isWide = columns > rows;
        double[][] vectors = isWide ? Rows(matrix, rows, columns) : Columns(matrix, rows, columns);
        var gram = Matrix<double>.Build.Dense(vectors.Length, vectors.Length);
        for (int i = 0; i < vectors.Length; i++)
        {
            for (int j = 0; j <= i; j++)
            {
                gram[i, j] = gram[j, i] = TensorPrimitives.Dot<double>(vectors[i], vectors[j]);
            }
        }

        Evd<double> eigen = gram.Evd(Symmetricity.Symmetric);
        double[] values = [.. eigen.EigenValues.Select(value => Math.Sqrt(Math.Max(0, value.Real)))];
        double largest = values.Max();
        int[] kept = [.. Enumerable.Range(0, values.Length).Where(i => values[i] > Vanishing * largest).OrderByDescending(i => values[i])];
        return new GramSpectrum([.. kept.Select(i => values[i])], wantsVectors ? [.. kept.Select(Left)] : []);

        // Of W W^T the eigenvectors are u themselves; of W^T W they are v, and u = W v / s.
        float[] Left(int i)
        {
            double[] own = eigen.EigenVectors.Column(i).ToArray();
            if (isWide)
            {
                return [.. own.Select(value => (float)value)];
            }

            var u = new double[rows];
            for (int j = 0; j < columns; j++)
            {
                TensorPrimitives.MultiplyAdd(vectors[j], own[j] / values[i], u, u);
            }

            return [.. u.Select(value => (float)value)];
        }
    }

    private static double[][] Rows(float[] matrix, int rows, int columns) =>
        [.. Enumerable.Range(0, rows).Select(i => matrix.AsSpan(i * columns, columns).ToArray().Select(value => (double)value).ToArray())];

    private static double[][] Columns(float[] matrix, int rows, int columns) =>
        [.. Enumerable.Range(0, columns).Select(j => Enumerable.Range(0, rows).Select(i => (double)matrix[(i * columns) + j]).ToArray())];
}
