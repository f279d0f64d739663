using MathNet.Numerics.LinearAlgebra;
using MathNet.Numerics.LinearAlgebra.Factorization;

namespace Engine.Optim.Sharpness;

/// <summary>The shape of what an adapter adds to a layer, D = W - W0.</summary>
/// <param name="Balancedness">1/2 (||B||^2 - ||A||^2): what SAM drives down (Li, Zhang, He, NeurIPS 2024, arXiv 2410.14802).</param>
/// <param name="EffectiveRank">exp of the entropy of D's singular values, each divided by their sum (Roy and Vetterli 2007); 0 for D =
/// 0.</param>
/// <param name="UpdateNorm">||D||, Frobenius.</param>
/// <param name="RelativeNorm">||D|| / ||W0||.</param>
public sealed record UpdateGeometry(double Balancedness, double EffectiveRank, double UpdateNorm, double RelativeNorm)
{
    /// <summary>Of D = scale B A: its singular values are those of the product of two r x r triangles, B = Q R and A^T = Q' R'.</summary>
    /// <param name="a">A [rank, columns].</param>
    /// <param name="b">B [rows, rank].</param>
    /// <param name="baseNorm">||W0||.</param>
    public static UpdateGeometry Of(float[] a, float[] b, int rank, double scale, double baseNorm)
    {
        Matrix<double> transposedA = Rows(a, rank).Transpose(), matrixB = Rows(b, b.Length / rank);
        Matrix<double> core = scale * Triangle(matrixB) * Triangle(transposedA).Transpose();
        return Of(a, b, [.. core.Svd(computeVectors: false).S], baseNorm);
    }

    /// <summary>Of a D that is no product of thin factors (DoRA's, or where training wrote the base weight).</summary>
    /// <param name="update">D [rows, columns].</param>
    public static UpdateGeometry Of(float[] a, float[] b, float[] update, int rows, double baseNorm) =>
        Of(a, b, [.. GramSpectrum.Of(update, rows, update.Length / rows, wantsVectors: false).Values], baseNorm);

    private static UpdateGeometry Of(float[] a, float[] b, double[] singularValues, double baseNorm)
    {
        double sum = singularValues.Sum();
        double entropy = singularValues.Where(value => value > 0).Sum(value => -(value / sum) * Math.Log(value / sum));
        double norm = Math.Sqrt(singularValues.Sum(value => value * value));
        return new UpdateGeometry((Square(b) - Square(a)) / 2, sum == 0 ? 0 : Math.Exp(entropy), norm, norm / baseNorm);
    }

    private static Matrix<double> Rows(float[] values, int rows) =>
        Matrix<double>.Build.Dense(rows, values.Length / rows, (i, j) => values[(i * (values.Length / rows)) + j]);

    /// <summary>R of a thin decomposition; a matrix that is wider than high is its own.</summary>
    private static Matrix<double> Triangle(Matrix<double> matrix) =>
        matrix.RowCount >= matrix.ColumnCount ? matrix.QR(QRMethod.Thin).R : matrix;

    private static double Square(float[] values) => values.Sum(value => (double)value * value);
}
