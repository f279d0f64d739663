using Engine.Common.Keys;

namespace Engine.Training.Federated;

/// <summary>The server's side of a round: one set of weights of the clients'.</summary>
internal static class Aggregation
{
    /// <summary>FedAvg (McMahan et al. 2017, arXiv 1602.05629; of adapters FedIT, arXiv 2305.05644): sum_k p_k x_k, in float64.</summary>
    /// <param name="clients">The clients' numbers, all of one length.</param>
    /// <param name="weights">p_k, which sum to 1.</param>
    public static double[] Average(IReadOnlyList<float[]> clients, IReadOnlyList<double> weights)
    {
        var average = new double[clients[0].Length];
        for (int client = 0; client < clients.Count; client++)
        {
            float[] values = clients[client];
            for (int i = 0; i < average.Length; i++)
            {
                average[i] += weights[client] * values[i];
            }
        }

        return average;
    }

    /// <summary>
    /// LoRA-FAIR (arXiv 2411.14961) in closed form: the average of the factors misses the average of the products B_k A_k, and B moves by
    /// dB = (sum_k p_k B_k (A_k Abar^T) - Bbar K) (K + mu I)^-1, K = Abar Abar^T, the least of
    /// ||sum_k p_k B_k A_k - (Bbar + dB) Abar||^2 + mu ||dB||^2 (Frobenius). Nothing of the product's size is made.
    /// </summary>
    /// <param name="clients">Factors A [rank, in] and B [out, rank] of each client.</param>
    /// <param name="weights">p_k, which sum to 1.</param>
    /// <param name="a">Abar [rank, in].</param>
    /// <param name="b">Bbar [out, rank], which is corrected.</param>
    /// <exception cref="ArithmeticException">K + mu I is singular: with mu = 0 where Abar's rows depend on each other.</exception>
    public static void Correct(
        IReadOnlyList<(ReadOnlyMemory<float> A, ReadOnlyMemory<float> B)> clients,
        IReadOnlyList<double> weights,
        ReadOnlySpan<double> a,
        Span<double> b,
        int rank,
        double mu)
    {
        int columns = a.Length / rank, rows = b.Length / rank;
        double[] gram = new double[rank * rank];
        for (int i = 0; i < rank; i++)
        {
            for (int j = 0; j < rank; j++)
            {
                for (int column = 0; column < columns; column++)
                {
                    gram[(i * rank) + j] += a[(i * columns) + column] * a[(j * columns) + column];
                }
            }
        }

        double[] missing = new double[b.Length];
        AddProduct(missing, b, gram, rank, -1);
        double[] inner = new double[rank * rank], client = new double[b.Length];
        for (int k = 0; k < clients.Count; k++)
        {
            ReadOnlySpan<float> own = clients[k].A.Span, factor = clients[k].B.Span;
            for (int i = 0; i < rank; i++)
            {
                for (int j = 0; j < rank; j++)
                {
                    double sum = 0;
                    for (int column = 0; column < columns; column++)
                    {
                        sum += own[(i * columns) + column] * a[(j * columns) + column];
                    }

                    inner[(i * rank) + j] = sum;
                }
            }

            for (int i = 0; i < client.Length; i++)
            {
                client[i] = factor[i];
            }

            AddProduct(missing, client, inner, rank, weights[k]);
        }

        for (int i = 0; i < rank; i++)
        {
            gram[(i * rank) + i] += mu;
        }

        Factorize(gram, rank);
        for (int row = 0; row < rows; row++)
        {
            Span<double> change = missing.AsSpan(row * rank, rank);
            Solve(gram, change, rank);
            for (int i = 0; i < rank; i++)
            {
                b[(row * rank) + i] += change[i];
            }
        }
    }

    /// <summary>target += scale * left right; left [rows, rank], right [rank, rank].</summary>
    private static void AddProduct(Span<double> target, ReadOnlySpan<double> left, ReadOnlySpan<double> right, int rank, double scale)
    {
        for (int row = 0; row < target.Length; row += rank)
        {
            for (int j = 0; j < rank; j++)
            {
                double sum = 0;
                for (int i = 0; i < rank; i++)
                {
                    sum += left[row + i] * right[(i * rank) + j];
                }

                target[row + j] += scale * sum;
            }
        }
    }

    /// <summary>Replaces the lower half of a symmetric positive definite matrix by its Cholesky factor.</summary>
    private static void Factorize(double[] matrix, int size)
    {
        for (int i = 0; i < size; i++)
        {
            for (int j = 0; j <= i; j++)
            {
                double sum = matrix[(i * size) + j];
                for (int k = 0; k < j; k++)
                {
                    sum -= matrix[(i * size) + k] * matrix[(j * size) + k];
                }

                if (i == j && !(sum > 0))
                {
                    throw new ArithmeticException(
                        "The rows of the averaged A depend on each other, so that nothing bounds the correction of B; "
                        + $"{Setting.Of("federated.mu")} above 0 does.");
                }

                matrix[(i * size) + j] = i == j ? Math.Sqrt(sum) : sum / matrix[(j * size) + j];
            }
        }
    }

    /// <summary>Solves L L^T x = right in place.</summary>
    private static void Solve(double[] factor, Span<double> right, int size)
    {
        for (int i = 0; i < size; i++)
        {
            for (int k = 0; k < i; k++)
            {
                right[i] -= factor[(i * size) + k] * right[k];
            }

            right[i] /= factor[(i * size) + i];
        }

        for (int i = size - 1; i >= 0; i--)
        {
            for (int k = i + 1; k < size; k++)
            {
                right[i] -= factor[(k * size) + i] * right[k];
            }

            right[i] /= factor[(i * size) + i];
        }
    }
}
