using Engine.Training.Data;

namespace Engine.Training.Tests.Data;

/// <summary>What is said of labelled data that is read and is probably not what was meant.</summary>
public sealed class LabelledDataNotesTests
{
    [Theory]
    [InlineData(6, 6, false)]
    [InlineData(5, 3, false)]
    [InlineData(19, 19, false)]
    [InlineData(20, 19, true)]
    [InlineData(100, 80, true)]
    [InlineData(100, 60, false)]
    [InlineData(100, 10, false)]
    [InlineData(2, 2, false)]
    public void Labels_of_which_nearly_every_row_has_its_own_are_said(int rows, int classes, bool isSaid)
    {
        string notes = NotesOf(Set([.. Enumerable.Range(0, rows).Select(row => ($"text {row}", $"id {row % classes}"))]));
        Assert.Equal(isSaid, notes.Contains($"the labels of {rows} rows name {classes} classes", StringComparison.Ordinal));
    }

    [Fact]
    public void One_class_for_all_words_for_nothing_and_repetitions_are_said()
    {
        ExampleSet same = Set(("a", "x"), ("b", "x"));
        Assert.Contains("every row has the label 'x'", NotesOf(same, LabelVocabulary.Build(same, ["x", "y"])), StringComparison.Ordinal);
        Assert.Contains(
            "1 row has the label 'NaN'", NotesOf(Set(("a", "x"), ("b", "NaN"), ("c", "x"), ("d", "x"))), StringComparison.Ordinal);
        string repeated = string.Join(
            '\n', LabelledDataNotes.OfRepetitions(Set(("a", "1"), ("a", "1.0"), ("b", "1"), ("b", "0")), isClassified: true));
        Assert.Contains("2 of 4 rows repeat", repeated, StringComparison.Ordinal);
        Assert.Contains("1 text comes with more than one label", repeated, StringComparison.Ordinal);
        Assert.Empty(
            LabelledDataNotes.OfRepetitions(Set([.. Enumerable.Range(0, 30).Select(i => ($"{i % 29}", "1"))]), isClassified: true));
    }

    [Fact]
    public void Targets_that_are_all_one_number_are_said()
    {
        Assert.Contains(
            "every row is 3.5", Assert.Single(LabelledDataNotes.OfTargets(Set(("a", "3.5"), ("b", "3.50")), [3.5f, 3.5f])),
            StringComparison.Ordinal);
        Assert.Empty(LabelledDataNotes.OfTargets(Set(("a", "1"), ("b", "2")), [1, 2]));
    }

    [Fact]
    public void Validation_rows_that_were_trained_on_or_have_a_class_that_was_not_are_said()
    {
        ExampleSet train = Set(("a", "x"), ("b", "y")), validation = Set(("b", "y"), ("c", "z"));
        LabelVocabulary labels = LabelVocabulary.Build(train, ["x", "y", "z"]);
        string notes = string.Join(
            '\n', LabelledDataNotes.OfValidation(
                train, validation, LabelledDataNotes.Count(labels, labels.Encode(train)), labels.Encode(validation)));
        Assert.Contains("the texts of 1 of 2 rows are in the training data too", notes, StringComparison.Ordinal);
        Assert.Contains("1 row has the label 'z', which no row of the training data has", notes, StringComparison.Ordinal);
    }

    private static string NotesOf(ExampleSet set, LabelVocabulary? labels = null)
    {
        labels ??= LabelVocabulary.Build(set);
        return string.Join('\n', LabelledDataNotes.OfClasses(set, LabelledDataNotes.Count(labels, labels.Encode(set)), areNamed: false));
    }

    private static ExampleSet Set(params (string Text, string Label)[] rows) =>
        new("data.tsv", [.. rows.Select((row, i) => new Example(row.Text, null, row.Label, i, new DataPlace("data.tsv", i + 2)))]);
}
