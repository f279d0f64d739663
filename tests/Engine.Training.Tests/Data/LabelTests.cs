using Engine.Model.Batching;
using Engine.Optim;
using Engine.Training.Data;

namespace Engine.Training.Tests.Data;

public sealed class LabelTests
{
    [Fact]
    public void Names_are_sorted_and_numbers_are_ordered_by_value()
    {
        Assert.Equal(["negative", "neutral", "positive"], LabelVocabulary.Build(Set("positive", "neutral", "negative", "neutral")).Names);
        Assert.Equal(["2", "9", "10"], LabelVocabulary.Build(Set("10", "9", "2")).Names);
        Assert.Equal([2, 1, 0], LabelVocabulary.Build(Set("10", "9", "2")).Encode(Set("10", "9", "2")));
    }

    [Fact]
    public void The_run_files_order_is_kept_and_other_labels_are_refused()
    {
        LabelVocabulary labels = LabelVocabulary.Build(Set("yes", "no"), ["yes", "no", "maybe"]);
        Assert.Equal(["yes", "no", "maybe"], labels.Names);
        string message = Assert.Throws<DataFileException>(() => LabelVocabulary.Build(Set("yes", "mabe"), ["yes", "no", "maybe"])).Message;
        Assert.Contains("train.tsv:3: the label 'mabe'", message);
        Assert.Contains("did you mean 'maybe'?", message);
        Assert.Throws<ConfigurationException>(() => LabelVocabulary.Build(Set("yes"), ["yes", "yes"]));
    }

    [Fact]
    public void The_models_names_are_used_where_they_fit()
    {
        Assert.Equal(["pos", "neg"], LabelVocabulary.Build(Set("neg", "pos"), null, ["pos", "neg"]).Names);
        Assert.Equal(["neg", "pos"], LabelVocabulary.Build(Set("pos", "neg"), null, ["LABEL_0", "LABEL_1"]).Names);
        LabelVocabulary byIndex = LabelVocabulary.Build(Set("1", "0"), null, ["bad", "good"]);
        Assert.Equal(["bad", "good"], byIndex.Names);
        Assert.Equal([1, 0], byIndex.Encode(Set("1", "0")));
        Assert.Equal(["0", "1"], LabelVocabulary.Build(Set("1", "0"), null, ["LABEL_0", "LABEL_1"]).Names);
        Assert.Equal(["0", "1", "2"], LabelVocabulary.Build(Set("1", "0", "2"), null, ["bad", "good"]).Names);
    }

    [Fact]
    public void A_validation_label_that_training_never_saw_is_refused()
    {
        LabelVocabulary labels = LabelVocabulary.Build(Set("a", "b"));
        string message = Assert.Throws<DataFileException>(() => labels.Encode(Set("a", "c"))).Message;
        Assert.Contains("train.tsv:3: the label 'c' is not among the labels of train.tsv", message);
    }

    [Theory]
    [InlineData("at least two", "a", "a")]
    [InlineData("task: regression", "1", "2.5")]
    [InlineData("the label is empty", "a", "")]
    public void Labels_that_make_no_classes_are_refused(string expected, params string[] labels)
        => Assert.Contains(expected, Assert.Throws<DataFileException>(() => LabelVocabulary.Build(Set(labels))).Message);

    [Fact]
    public void Regression_targets_are_finite_numbers()
    {
        Assert.Equal([1.5f, -2, 0], RegressionTargets.Encode(Set("1.5", "-2", "0")));
        foreach (string wrong in new[] { "nan", "NaN", "inf", "1e99", "high", "", "1,5" })
        {
            Assert.Contains($"train.tsv:3: the label '{wrong}'", Assert.Throws<DataFileException>(() => RegressionTargets.Encode(Set("1", wrong))).Message);
        }
    }

    private static ExampleSet Set(params string[] labels) =>
        new("train.tsv", [.. labels.Select((label, row) => new Example("text", null, label, row, row + 2))]);
}
