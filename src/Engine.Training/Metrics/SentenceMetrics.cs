using System.Numerics.Tensors;
using Engine.Model;

namespace Engine.Training.Metrics;

/// <summary>What vectors of texts are measured by: their cosines.</summary>
internal static class SentenceMetrics
{
    private const float LeastLength = 1e-12f;

    /// <summary>
    /// Texts that belong together, found among those of all rows: <c>accuracy</c> is the share of first texts of which no other text has a
    /// cosine as large as their own second one's (anchors are no candidates), <c>mrr</c> the mean of 1 / the own text's rank, both over the
    /// whole set.
    /// </summary>
    /// <param name="vectors">[rows * texts, size], scaled to length 1 by this</param>
    /// <param name="texts">Texts of a row: the first one, the one that belongs to it, and those that do not.</param>
    public static IReadOnlyDictionary<string, double> Retrieval(float[] vectors, int texts, int size, double loss)
    {
        Normalize(vectors, size);
        int rows = vectors.Length / (texts * size);
        int[] ranks = ParallelWork.Run(rows, RankOf);
        return new OrderedDictionary<string, double>
        {
            [TaskMetrics.Loss] = loss,
            ["accuracy"] = (double)ranks.Count(rank => rank == 1) / rows,
            ["mrr"] = ranks.Average(rank => 1.0 / rank),
        };

        ReadOnlySpan<float> Vector(int text) => vectors.AsSpan(text * size, size);

        int RankOf(int row)
        {
            int own = (row * texts) + 1, rank = 1;
            float cosine = TensorPrimitives.Dot(Vector(own - 1), Vector(own));
            for (int other = 0; other < rows * texts; other++)
            {
                rank += other % texts != 0 && other != own && TensorPrimitives.Dot(Vector(own - 1), Vector(other)) >= cosine ? 1 : 0;
            }

            return rank;
        }
    }

    /// <summary>Pairs that are as alike as numbers say: correlations of these with the pairs' cosines.</summary>
    /// <param name="targets">[pairs]</param>
    /// <param name="vectors">[2 * pairs, size]</param>
    public static IReadOnlyDictionary<string, double> Similarity(ReadOnlySpan<float> targets, float[] vectors, int size, double loss)
    {
        double[] cosines = new double[targets.Length], expected = new double[targets.Length];
        for (int pair = 0; pair < cosines.Length; pair++)
        {
            ReadOnlySpan<float> first = vectors.AsSpan(2 * pair * size, size), second = vectors.AsSpan(((2 * pair) + 1) * size, size);
            double lengths = Math.Max((double)TensorPrimitives.Norm(first) * TensorPrimitives.Norm(second), LeastLength);
            cosines[pair] = TensorPrimitives.Dot(first, second) / lengths;
            expected[pair] = targets[pair];
        }

        return new OrderedDictionary<string, double>
        {
            [TaskMetrics.Loss] = loss,
            ["pearson"] = RegressionMetrics.Pearson(expected, cosines),
            ["spearman"] = RegressionMetrics.Spearman(expected, cosines),
        };
    }

    private static void Normalize(float[] vectors, int size)
    {
        for (int first = 0; first < vectors.Length; first += size)
        {
            Span<float> vector = vectors.AsSpan(first, size);
            TensorPrimitives.Divide(vector, Math.Max(TensorPrimitives.Norm(vector), LeastLength), vector);
        }
    }
}
