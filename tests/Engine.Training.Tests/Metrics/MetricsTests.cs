using System.Text.Json;
using Engine.Tests;
using Engine.Training.Configuration;
using Engine.Training.Metrics;

namespace Engine.Training.Tests.Metrics;

public sealed class MetricsTests
{
    // The goldens are float64 from the same formulas; sums in another order differ in the last bits.
    private const double Tolerance = 1e-12;

    [Fact]
    public void Classification_metrics_equal_scikit_learn()
    {
        using JsonDocument goldens = Goldens();
        foreach (JsonElement golden in goldens.RootElement.GetProperty("classification").EnumerateArray())
        {
            int[] labels = [.. golden.GetProperty("labels").EnumerateArray().Select(value => value.GetInt32())];
            int[] predictions = [.. golden.GetProperty("predictions").EnumerateArray().Select(value => value.GetInt32())];
            Assert.Equal(golden.GetProperty("accuracy").GetDouble(), ClassificationMetrics.Accuracy(labels, predictions), Tolerance);
            Assert.Equal(golden.GetProperty("matthews").GetDouble(), ClassificationMetrics.Matthews(labels, predictions), Tolerance);
            Assert.Equal(golden.GetProperty("f1_macro").GetDouble(), ClassificationMetrics.MacroF1(labels, predictions), Tolerance);
            if (golden.TryGetProperty("f1", out JsonElement f1))
            {
                Assert.Equal(f1.GetDouble(), ClassificationMetrics.F1(labels, predictions), Tolerance);
            }
        }
    }

    [Fact]
    public void Regression_metrics_equal_SciPy()
    {
        using JsonDocument goldens = Goldens();
        foreach (JsonElement golden in goldens.RootElement.GetProperty("regression").EnumerateArray())
        {
            double[] labels = [.. golden.GetProperty("labels").EnumerateArray().Select(value => value.GetDouble())];
            double[] predictions = [.. golden.GetProperty("predictions").EnumerateArray().Select(value => value.GetDouble())];
            Assert.Equal(golden.GetProperty("pearson").GetDouble(), RegressionMetrics.Pearson(labels, predictions), Tolerance);
            Assert.Equal(golden.GetProperty("spearman").GetDouble(), RegressionMetrics.Spearman(labels, predictions), Tolerance);
            Assert.Equal(golden.GetProperty("mse").GetDouble(), RegressionMetrics.MeanSquaredError(labels, predictions), Tolerance);
        }
    }

    /// <summary>The first two are the examples of seqeval's page; the others are worked by hand by the rules of its default mode.</summary>
    [Theory]
    [InlineData("O O O B-MISC I-MISC I-MISC O|B-PER I-PER O", "O O B-MISC I-MISC I-MISC I-MISC O|B-PER I-PER O", 0.5, 0.5, 0.5, 0.8)]
    [InlineData("B-NP I-NP O", "I-NP I-NP O", 1, 1, 1, 2.0 / 3)]
    [InlineData("B-A I-A B-A I-B", "B-A I-A I-A I-B", 1.0 / 2, 1.0 / 3, 2.0 / 5, 3.0 / 4)]
    [InlineData("B-A B-A|B-B", "B-A I-A|B-B", 1.0 / 2, 1.0 / 3, 2.0 / 5, 2.0 / 3)]
    [InlineData("O O", "O O", 0, 0, 0, 1)]
    [InlineData("B-A O", "O O", 0, 0, 0, 0.5)]
    [InlineData("S-A B-A E-A O", "B-A B-A I-A O", 1, 1, 1, 0.5)]
    public void Entities_are_measured_as_seqeval_does(
        string labels, string predictions, double precision, double recall, double f1, double accuracy)
    {
        string[] names = [.. $"{labels}|{predictions}".Split(' ', '|').Distinct()];
        int[][] Numbers(string texts) => [.. texts.Split('|').Select(
            text => text.Split(' ').Select(label => Array.IndexOf(names, label)).ToArray())];
        IReadOnlyDictionary<string, double> metrics = TaskMetrics.Entities(Numbers(labels), Numbers(predictions), names, loss: 0.25);
        Assert.Equal(TaskMetrics.Names(TaskKind.TokenClassification), metrics.Keys);
        Assert.Equal(precision, metrics["precision"], Tolerance);
        Assert.Equal(recall, metrics["recall"], Tolerance);
        Assert.Equal(f1, metrics["f1"], Tolerance);
        Assert.Equal(accuracy, metrics["accuracy"], Tolerance);
        Assert.Equal(0.25, metrics["loss"]);
    }

    [Fact]
    public void Entities_have_their_words_and_types()
    {
        Assert.Equal(
            [new Entity("PER", 0, 1), new Entity("LOC", 2, 2), new Entity("_", 4, 4), new Entity("A-B", 5, 6)],
            EntityMetrics.Find(["B-PER", "I-PER", "I-LOC", "O", "B", "B-A-B", "I-A-B"]));
        Assert.Empty(EntityMetrics.Find([]));
    }

    /// <summary>Counts by hand: of class 0 one of two is found, class 1 is found once too often, class 2 never occurs.</summary>
    [Fact]
    public void Indicators_are_measured_as_scikit_learn_does()
    {
        IReadOnlyDictionary<string, double> metrics = TaskMetrics.MultiLabel(
            [1, 1, 0, 1, 0, 0, 0, 0, 0], [2, 1, -1, -1, 3, -1, -2, -1, -1], classes: 3, loss: 0.5);
        Assert.Equal(TaskMetrics.Names(TaskKind.MultiLabelClassification), metrics.Keys);
        Assert.Equal(2.0 * 2 / (3 + 3), metrics["f1_micro"], Tolerance);
        Assert.Equal(((2.0 / 3) + (2.0 / 3) + 0) / 3, metrics["f1_macro"], Tolerance);
        Assert.Equal(2.0 / 3, metrics["accuracy"], Tolerance);
    }

    /// <summary>
    /// Worked by hand by the rules of SQuAD's scripts: case, punctuation and articles do not count, of several answers the best does.
    /// </summary>
    [Theory]
    [InlineData("the Eiffel Tower", "Eiffel tower.", 1, 1)]
    [InlineData("Denver Broncos|Broncos", "the Broncos", 1, 1)]
    [InlineData("in the year 1990", "1990", 0, 0.5)]
    [InlineData("a cat sat", "cat cat", 0, 0.5)]
    [InlineData("", "", 1, 1)]
    [InlineData("", "something", 0, 0)]
    [InlineData("something", "", 0, 0)]
    [InlineData("the", "", 1, 1)]
    public void Answers_are_measured_as_SQuADs_scripts_do(string answers, string found, double exact, double f1)
    {
        (double exactMatch, double mean) = AnswerMetrics.Measure([answers.Length == 0 ? [] : answers.Split('|')], [found]);
        Assert.Equal(exact, exactMatch, Tolerance);
        Assert.Equal(f1, mean, Tolerance);
    }

    [Fact]
    public void Correlation_of_a_constant_is_not_a_number()
    {
        Assert.True(double.IsNaN(RegressionMetrics.Pearson([1, 2, 3], [0.1, 0.1, 0.1])));
        Assert.True(double.IsNaN(RegressionMetrics.Spearman([2, 2, 2], [1, 2, 3])));
    }

    [Fact]
    public void Diverged_logits_are_an_error_not_a_class()
        =>
            Assert.Contains(
                "row 1, class 0", Assert.Throws<ArithmeticException>(() => ClassificationMetrics.Argmax([0, 1, float.NaN, 2], 2)).Message);

    [Fact]
    public void Predictions_of_one_class_are_seen_where_the_labels_are_of_several()
    {
        Assert.Equal(1, ClassificationMetrics.Only([0, 1, 2], [1, 1, 1]));
        Assert.Null(ClassificationMetrics.Only([0, 1, 2], [1, 1, 0]));
        Assert.Null(ClassificationMetrics.Only([1, 1], [1, 1]));
    }

    [Fact]
    public void A_task_reports_the_metrics_it_names()
    {
        Assert.Equal(
            TaskMetrics.Names(TaskKind.SequenceClassification, 2),
            TaskMetrics.Classification([0, 1], [0, 1], 2, loss: 0.5).Keys);
        Assert.Equal(
            TaskMetrics.Names(TaskKind.SequenceClassification, 3),
            TaskMetrics.Classification([0, 2], [0, 1], 3, loss: 0.5).Keys);
        Assert.Equal(TaskMetrics.Names(TaskKind.Regression), TaskMetrics.Regression([0, 1], [1, 2], loss: 0.5).Keys);
        Assert.Equal(TaskMetrics.Names(TaskKind.MaskedLanguageModel), TaskMetrics.LanguageModel(loss: 0).Keys);
        Assert.Equal(1, TaskMetrics.LanguageModel(loss: 0)["perplexity"]);
    }

    [Fact]
    public void Patience_runs_out_after_evaluations_without_improvement()
    {
        BestTracker tracker = new("accuracy", greaterIsBetter: true, patience: 2, threshold: 0.01);
        Assert.True(tracker.Report(10, 0.80));
        Assert.True(tracker.Report(20, 0.805)); // better, yet within the threshold
        Assert.False(tracker.ShouldStop);
        Assert.False(tracker.Report(30, double.NaN));
        Assert.True(tracker.ShouldStop);
        Assert.Equal(new BestState(0.805, 20, 2), tracker.State);
        Assert.True(tracker.Report(40, 0.9));
        Assert.False(tracker.ShouldStop);
    }

    [Fact]
    public void A_first_evaluation_that_is_not_a_number_is_not_the_best()
    {
        BestTracker tracker = new("loss", greaterIsBetter: false);
        Assert.False(tracker.Report(1, double.NaN));
        Assert.False(tracker.Report(1, double.NegativeInfinity));
        Assert.Null(tracker.State.Best);
        Assert.True(tracker.Report(2, 5));
        Assert.False(tracker.Report(3, 6));
        Assert.True(tracker.Report(4, 4));
        BestTracker largest = new("f1", greaterIsBetter: true);
        Assert.False(largest.Report(1, double.PositiveInfinity));
        Assert.True(largest.Report(2, 0));
    }

    private static JsonDocument Goldens() => JsonDocument.Parse(File.ReadAllBytes(SharedFiles.Path("goldens/small/metrics.json")));
}
