using Engine.Training.Configuration;
using Engine.Training.Metrics;

namespace Engine.Training.Tests.Metrics;

/// <summary>Cosines of vectors of two numbers, whose ranks and correlations are plain to see.</summary>
public sealed class SentenceMetricsTests
{
    /// <summary>Float32 vectors are scaled to length 1 by a root and a division, and sums are of at most six numbers.</summary>
    private const double Tolerance = 1e-6;

    /// <summary>Ranks 1, 2 and 3: the second text's own one stands behind another, the third's is as far as a second one is.</summary>
    [Fact]
    public void Own_text_is_ranked_among_those_of_all_rows_and_a_tie_does_not_count_as_found()
    {
        float[] vectors = [2, 0, 1, 0, /**/ 0, 1, 1, 1, /**/ 1, 1, 0, 3];
        IReadOnlyDictionary<string, double> metrics = SentenceMetrics.Retrieval(vectors, texts: 2, size: 2, loss: 0.5);

        Assert.Equal(TaskMetrics.Names(TaskKind.SentenceSimilarity), metrics.Keys);
        Assert.Equal(0.5, metrics["loss"]);
        Assert.Equal(1.0 / 3, metrics["accuracy"], Tolerance);
        Assert.Equal((1 + (1.0 / 2) + (1.0 / 3)) / 3, metrics["mrr"], Tolerance);
    }

    /// <summary>
    /// A text that does not belong to it is nearer than the one that does; the other rows' first texts are no candidates.
    /// </summary>
    [Fact]
    public void Texts_that_do_not_belong_are_candidates_and_first_texts_are_not()
    {
        float[] vectors = [1, 0, 1, 1, 5, 1, /**/ 1, 0.1f, -1, 0, -1, -3];
        IReadOnlyDictionary<string, double> metrics = SentenceMetrics.Retrieval(vectors, texts: 3, size: 2, loss: 0);

        Assert.Equal(0, metrics["accuracy"]);
        Assert.Equal(((1.0 / 2) + (1.0 / 4)) / 2, metrics["mrr"], Tolerance);
    }

    /// <summary>
    /// Cosines 1, 0, -1 and 3/5 against scores whose order has the two smallest exchanged: Spearman is 1 - 6 * 2 / (4 * 15).
    /// </summary>
    [Fact]
    public void Scores_are_correlated_with_the_cosines_of_their_pairs()
    {
        float[] vectors = [2, 0, 3, 0, /**/ 1, 0, 0, 7, /**/ 0, 2, 0, -1, /**/ 5, 0, 3, 4];
        IReadOnlyDictionary<string, double> metrics = SentenceMetrics.Similarity([1, 0.1f, 0.2f, 0.8f], vectors, size: 2, loss: 0.25);

        Assert.Equal(TaskMetrics.Names(TaskKind.SentenceSimilarity, hasScores: true), metrics.Keys);
        Assert.Equal(0.8, metrics["spearman"], Tolerance);

        // Deviations from the means 0.15 and 0.525: their products' sum over the root of their squares' sums.
        Assert.Equal(0.965 / Math.Sqrt(2.27 * 0.5875), metrics["pearson"], Tolerance);
    }

    [Fact]
    public void Best_model_is_chosen_by_rank_and_with_scores_by_their_order()
    {
        var data = new DataConfiguration { Train = "train.jsonl" };
        var run = new RunConfiguration { Model = "model", Task = TaskKind.SentenceSimilarity, Data = data };
        Assert.Equal("mrr", run.BestMetric);
        Assert.Equal("spearman", (run with { Data = data with { Label = "score" } }).BestMetric);
    }
}
