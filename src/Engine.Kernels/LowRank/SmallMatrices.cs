using System.Runtime.Intrinsics;
using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>Dense [rank, rank] matrices in float64 for the cpu device's forms.</summary>
internal static unsafe class SmallMatrices
{
    /// <summary>Far more sweeps than Jacobi's method takes (6 to 10): a bound for matrices with NaN.</summary>
    private const int LargestSweeps = 40;

    /// <summary>result = x y^T; x, y [rank, length].</summary>
    public static void RowProducts(float* x, float* y, int rank, int length, double* result)
    {
        for (int i = 0; i < rank; i++)
        {
            for (int j = 0; j < rank; j++)
            {
                result[(i * rank) + j] = x == y && j < i
                    ? result[(j * rank) + i]
                    : Lanes.Dot(x + ((long)i * length), y + ((long)j * length), length);
            }
        }
    }

    /// <summary>result = x^T y; x, y [length, rank].</summary>
    /// <param name="row">Scratch [rank].</param>
    public static void ColumnProducts(float* x, float* y, int rank, int length, double* row, double* result)
    {
        new Span<double>(result, rank * rank).Clear();
        for (int k = 0; k < length; k++, x += rank, y += rank)
        {
            for (int j = 0; j < rank; j++)
            {
                row[j] = y[j];
            }

            for (int i = 0; i < rank; i++)
            {
                AddScaled(x[i], row, rank, result + (i * rank));
            }
        }
    }

    /// <summary>result = left right.</summary>
    public static void Multiply(double* left, double* right, int rank, double* result)
    {
        new Span<double>(result, rank * rank).Clear();
        for (int i = 0; i < rank; i++)
        {
            for (int k = 0; k < rank; k++)
            {
                AddScaled(left[(i * rank) + k], right + (k * rank), rank, result + (i * rank));
            }
        }
    }

    /// <summary>y += factor x.</summary>
    public static void AddScaled(double factor, double* x, int count, double* y)
    {
        int j = 0;
        for (; j <= count - Vector512<double>.Count; j += Vector512<double>.Count)
        {
            Vector512.FusedMultiplyAdd(Vector512.Create(factor), Vector512.Load(x + j), Vector512.Load(y + j)).Store(y + j);
        }

        for (; j < count; j++)
        {
            y[j] = Math.FusedMultiplyAdd(factor, x[j], y[j]);
        }
    }

    /// <summary>The sum of elementwise products.</summary>
    public static double Inner(double* x, double* y, int count)
    {
        double sum = 0;
        for (int i = 0; i < count; i++)
        {
            sum += x[i] * y[i];
        }

        return sum;
    }

    /// <summary>
    /// The pseudo-inverse of a symmetric, positive semi-definite matrix, which is destroyed; cut-offs as <see cref="LowRank"/> has them.
    /// </summary>
    /// <param name="vectors">Scratch [rank, rank].</param>
    public static void PseudoInverse(double* matrix, int rank, double* vectors, double* result)
    {
        Diagonalize(matrix, rank, vectors);
        double largest = 0;
        for (int i = 0; i < rank; i++)
        {
            largest = Math.Max(largest, matrix[(i * rank) + i]);
        }

        double cutOff = Math.Max(LowRank.RelativeCutOff * largest, LowRank.AbsoluteCutOff);
        new Span<double>(result, rank * rank).Clear();
        for (int k = 0; k < rank; k++)
        {
            double value = matrix[(k * rank) + k];
            if (value > cutOff)
            {
                for (int i = 0; i < rank; i++)
                {
                    AddScaled(vectors[(k * rank) + i] / value, vectors + (k * rank), rank, result + (i * rank));
                }
            }
        }
    }

    /// <summary>Cyclic Jacobi: the matrix becomes diagonal, row k of <paramref name="vectors"/> the eigenvector of its element k.</summary>
    public static void Diagonalize(double* matrix, int rank, double* vectors)
    {
        new Span<double>(vectors, rank * rank).Clear();
        for (int i = 0; i < rank; i++)
        {
            vectors[(i * rank) + i] = 1;
        }

        // What is left beside the largest eigenvalue by round-off is not worth a rotation.
        double negligible = 0;
        for (int i = 0; i < rank; i++)
        {
            negligible = Math.Max(negligible, 1e-18 * Math.Abs(matrix[(i * rank) + i]));
        }

        bool rotated = true;
        for (int sweep = 0; sweep < LargestSweeps && rotated; sweep++)
        {
            rotated = false;
            for (int p = 0; p < rank; p++)
            {
                for (int q = p + 1; q < rank; q++)
                {
                    rotated |= Rotate(matrix, rank, vectors, p, q, negligible);
                }
            }
        }
    }

    private static bool Rotate(double* matrix, int rank, double* vectors, int p, int q, double negligible)
    {
        double off = matrix[(p * rank) + q], first = matrix[(p * rank) + p], second = matrix[(q * rank) + q];

        // Below the last place of both eigenvalues, however far apart they are.
        if (Math.Abs(off) <= Math.Max(negligible, 1e-16 * Math.Sqrt(Math.Abs(first * second))))
        {
            return false;
        }

        double cotangent = (second - first) / (2 * off);
        double tangent = Math.CopySign(1, cotangent) / (Math.Abs(cotangent) + Math.Sqrt(1 + (cotangent * cotangent)));
        double cosine = 1 / Math.Sqrt(1 + (tangent * tangent)), sine = tangent * cosine;
        for (int k = 0; k < rank; k++)
        {
            Turn(ref matrix[(k * rank) + p], ref matrix[(k * rank) + q], cosine, sine);
        }

        for (int k = 0; k < rank; k++)
        {
            Turn(ref matrix[(p * rank) + k], ref matrix[(q * rank) + k], cosine, sine);
            Turn(ref vectors[(p * rank) + k], ref vectors[(q * rank) + k], cosine, sine);
        }

        return true;
    }

    private static void Turn(ref double x, ref double y, double cosine, double sine) =>
        (x, y) = ((cosine * x) - (sine * y), (sine * x) + (cosine * y));
}
