using Engine.Common;
using Engine.Model.Batching;
using Engine.Optim;
using Engine.Tests;
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

        string ofModel =
            Assert.Throws<DataFileException>(() => LabelVocabulary.FromModel(["good", "bad"]).Encode(Set("good", "poor"))).Message;
        Assert.EndsWith("train.tsv:3: the label 'poor' is not among the classes of the model: known are good, bad.", ofModel);
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
            Assert.Contains(
                $"train.tsv:3: the label '{wrong}'",
                Assert.Throws<DataFileException>(() => RegressionTargets.Encode(Set("1", wrong))).Message);
        }
    }

    [Theory]
    [InlineData("1", "1", "1.0", "01", "+1", "1e0", " 1 ", "10e-1", "1.", "0.1e1")]
    [InlineData("0", "0", "-0", "0.00", "-0e5", "+0")]
    [InlineData("-12.5", "-12.50", "-125e-1", "-012.5")]
    [InlineData("9007199254740993", "9007199254740993.0", "9.007199254740993e15")]
    [InlineData("true", "True", "TRUE", "true")]
    [InlineData("1.5e400", "15e399", "1500E+397")]
    public void Labels_that_are_equal_are_one_class_however_they_are_written(string key, params string[] labels) =>
        Assert.All(labels, label => Assert.Equal(key, ClassLabel.Key(label)));

    [Theory]
    [InlineData("yes", "Yes", "YES")]
    [InlineData("9007199254740992", "9007199254740993")]
    [InlineData("true", "1", "tRUE")]
    [InlineData("1", "one", "1,0", "0x1", "1 0", "1e", "--1", ".", "NaN", "1e99999999999", "1e-2147483648")]
    public void Labels_that_differ_stay_apart(params string[] labels) =>
        Assert.Equal(labels.Length, labels.Select(ClassLabel.Key).Distinct().Count());

    [Fact]
    public void Classes_are_called_as_the_data_writes_them_or_by_the_number_where_it_writes_several()
    {
        Assert.Equal(["01", "02"], LabelVocabulary.Build(Set("02", "01", "01")).Names);
        Assert.Equal(["0", "1", "2"], LabelVocabulary.Build(Set("1", "0", "1.0", "0.0", "2", "2")).Names);
        Assert.Equal(["1", "one"], LabelVocabulary.Build(Set("one", "1", "1.0")).Names);
        Assert.Equal(["9007199254740992", "9007199254740993"], LabelVocabulary.Build(Set("9007199254740993", "9007199254740992")).Names);
    }

    [Fact]
    public void Named_classes_are_found_by_number_and_two_names_of_one_number_are_refused()
    {
        Assert.Equal([1, 0, 1], LabelVocabulary.Build(Set("1.0", "0"), ["00", "01"]).Encode(Set("1", "0.0", "1e0")));
        Assert.Equal([1, 0], LabelVocabulary.FromModel(["bad", "good"]).Encode(Set("1.0", "0")));
        Assert.Contains(
            "'1' and '1.0' are one class",
            Assert.Throws<ConfigurationException>(() => LabelVocabulary.Build(Set("1"), ["1", "1.0"])).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("mix.tsv", "0 2, 1 2")]
    [InlineData("lead.tsv", "0 1, 1 2")]
    [InlineData("ws.tsv", "Yes 1, yes 2")]
    [InlineData("ws.jsonl", "Yes 1, yes 2")]
    [InlineData("mix.jsonl", "0 1, 1 1, true 1")]
    [InlineData("big3.jsonl", "5 1, 9007199254740992 1, 9007199254740993 1")]
    [InlineData("neg.tsv", "-1 1, 0 1, 1 1")]
    [InlineData("ok.csv", "0 1, 1 2")]
    [InlineData("sep.csv", "0 1, 1 1")]
    public void Tables_that_went_wrong_have_the_classes_that_are_right(string file, string expected)
    {
        ExampleSet set = ExampleReader.Read(
            SharedFiles.Path($"cases/table-data/{file}"),
            new ExampleReaderOptions { Text = ColumnReference.ByName("sentence"), Label = ColumnReference.ByName("label") });
        LabelVocabulary labels = LabelVocabulary.Build(set);
        Assert.Equal(
            expected, string.Join(", ", LabelledDataNotes.Count(labels, labels.Encode(set)).Select(entry => $"{entry.Name} {entry.Rows}")));
    }

    private static ExampleSet Set(params string[] labels) =>
        new("train.tsv", [.. labels.Select((label, row) => new Example("text", null, label, row, new DataPlace("train.tsv", row + 2)))]);
}
