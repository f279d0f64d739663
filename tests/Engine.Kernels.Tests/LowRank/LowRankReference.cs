namespace Engine.Kernels.Tests;

/// <summary>
/// EFMLoRA's perturbation and its norms as the paper writes them, with m x n matrices and pseudo-inverses of the factors by one-sided
/// Jacobi SVD, in float64: nothing of the kernels' r x r forms.
/// </summary>
internal static class LowRankReference
{
    /// <summary>
    /// Singular values below this part of the largest count as zero: the square root of the kernels' cut-off of eigenvalues.
    /// </summary>
    private const double CutOff = 1e-5;

    /// <summary>E_B [m, r] of one layer, and gW [m, n].</summary>
    public static (double[,] Direction, double[,] FullGradient) AscentDirection(
        double[,] a, double[,] b, double[,] gradientA, double[,] gradientB, double scale, double rho)
    {
        double[,] full = Scale(
            Add(Multiply(gradientB, PseudoInverse(Transpose(a))), Multiply(PseudoInverse(Transpose(b)), gradientA)), 0.5 / scale);
        double norm = Norm(full);
        double[,] perturbation = Scale(full, rho / (norm + 1e-12));
        return (Scale(Multiply(perturbation, PseudoInverse(a)), 1 / scale), full);
    }

    public static double[,] Matrix(ReadOnlySpan<float> values, int rows, int columns)
    {
        var result = new double[rows, columns];
        for (int i = 0; i < rows * columns; i++)
        {
            result[i / columns, i % columns] = values[i];
        }

        return result;
    }

    public static double[,] Multiply(double[,] x, double[,] y)
    {
        var result = new double[x.GetLength(0), y.GetLength(1)];
        for (int i = 0; i < result.GetLength(0); i++)
        {
            for (int j = 0; j < result.GetLength(1); j++)
            {
                double sum = 0;
                for (int k = 0; k < x.GetLength(1); k++)
                {
                    sum += x[i, k] * y[k, j];
                }

                result[i, j] = sum;
            }
        }

        return result;
    }

    public static double[,] Transpose(double[,] x) => Map(x.GetLength(1), x.GetLength(0), (i, j) => x[j, i]);

    public static double[,] Scale(double[,] x, double factor) => Map(x.GetLength(0), x.GetLength(1), (i, j) => factor * x[i, j]);

    public static double[,] Add(double[,] x, double[,] y) => Map(x.GetLength(0), x.GetLength(1), (i, j) => x[i, j] + y[i, j]);

    public static double Norm(double[,] x) => Math.Sqrt(x.Cast<double>().Sum(value => value * value));

    /// <summary>The Moore-Penrose inverse.</summary>
    public static double[,] PseudoInverse(double[,] x)
    {
        if (x.GetLength(0) < x.GetLength(1))
        {
            return Transpose(PseudoInverse(Transpose(x)));
        }

        (double[,] u, double[] sigma, double[,] v) = Svd(x);
        double largest = sigma.Max();
        double[] inverse = [.. sigma.Select(value => value > CutOff * largest && value > 0 ? 1 / value : 0)];
        return Multiply(Map(v.GetLength(0), sigma.Length, (i, k) => v[i, k] * inverse[k]), Transpose(u));
    }

    /// <summary>x = U diag(sigma) V^T for a tall x, by rotations of its columns.</summary>
    public static (double[,] U, double[] Sigma, double[,] V) Svd(double[,] x)
    {
        int rows = x.GetLength(0), columns = x.GetLength(1);
        var u = (double[,])x.Clone();
        double[,] v = Map(columns, columns, (i, j) => i == j ? 1 : 0);
        for (int sweep = 0, rotated = 1; sweep < 60 && rotated > 0; sweep++)
        {
            rotated = 0;
            for (int p = 0; p < columns; p++)
            {
                for (int q = p + 1; q < columns; q++)
                {
                    double first = Inner(u, p, p), second = Inner(u, q, q), off = Inner(u, p, q);
                    if (Math.Abs(off) <= (1e-15 * Math.Sqrt(first * second)) + 1e-300)
                    {
                        continue;
                    }

                    rotated++;
                    double cotangent = (second - first) / (2 * off);
                    double tangent = Math.CopySign(1, cotangent) / (Math.Abs(cotangent) + Math.Sqrt(1 + (cotangent * cotangent)));
                    double cosine = 1 / Math.Sqrt(1 + (tangent * tangent)), sine = cosine * tangent;
                    foreach (double[,] matrix in (double[][,])[u, v])
                    {
                        for (int k = 0; k < matrix.GetLength(0); k++)
                        {
                            (matrix[k, p], matrix[k, q]) =
                                ((cosine * matrix[k, p]) - (sine * matrix[k, q]), (sine * matrix[k, p]) + (cosine * matrix[k, q]));
                        }
                    }
                }
            }
        }

        double[] sigma = [.. Enumerable.Range(0, columns).Select(k => Math.Sqrt(Inner(u, k, k)))];
        return (Map(rows, columns, (i, k) => sigma[k] > 0 ? u[i, k] / sigma[k] : 0), sigma, v);
    }

    private static double Inner(double[,] x, int p, int q)
    {
        double sum = 0;
        for (int k = 0; k < x.GetLength(0); k++)
        {
            sum += x[k, p] * x[k, q];
        }

        return sum;
    }

    private static double[,] Map(int rows, int columns, Func<int, int, double> element)
    {
        var result = new double[rows, columns];
        for (int i = 0; i < rows; i++)
        {
            for (int j = 0; j < columns; j++)
            {
                result[i, j] = element(i, j);
            }
        }

        return result;
    }
}
