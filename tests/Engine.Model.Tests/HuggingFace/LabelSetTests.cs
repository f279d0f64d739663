using Engine.Common.Files;
using Engine.Model.HuggingFace;

namespace Engine.Tests.HuggingFace;

/// <summary>
/// Labels of published configurations, as <c>PretrainedConfig.__init__</c> of Transformers takes them: <c>num_labels</c> is the length of
/// <c>id2label</c> where that is there (another number is a warning), its keys go through <c>int</c>, its values stay what they are, and
/// without it <c>num_labels</c> (2) names are made up, whatever <c>label2id</c> says.
/// </summary>
public sealed class LabelSetTests
{
    [Theory]
    [InlineData("""{"0": 0, "1": 1}""", "0", "1")]
    [InlineData("""{"0": 1.5, "1": -2}""", "1.5", "-2")]
    [InlineData("""{"0": true, "1": false}""", "True", "False")]
    [InlineData("""{"0": NaN, "1": "b"}""", "NaN", "b")]
    [InlineData("""{"1": "b", "0": "a", "2": "c"}""", "a", "b", "c")]
    [InlineData("""{" 0": "a", "01": "b"}""", "a", "b")]
    public void Names_may_be_numbers_and_keys_in_any_order(string id2label, params string[] expected)
    {
        LabelSet labels = Read($"\"id2label\": {id2label}");

        Assert.Equal(expected, labels.Names);
        Assert.Empty(labels.Notes);
    }

    [Theory]
    [InlineData(
        """{"1": "a", "2": "b"}""",
        "id2label has the keys 1, 2, and classes are numbered from 0 to 1; 0 has no name there and is called LABEL_0.", "LABEL_0", "a")]
    [InlineData("""{"0": "a", "7": "b"}""", "1 has no name there", "a", "LABEL_1")]
    [InlineData("""{"0": null, "1": null}""", "0, 1 have no name there and are called LABEL_0, LABEL_1.", "LABEL_0", "LABEL_1")]
    [InlineData("""{"-1": "x", "0": "a"}""", "1 has no name there", "a", "LABEL_1")]
    [InlineData("""{"0": "a", "1": "a"}""", "id2label calls several classes 'a'.", "a", "a")]
    [InlineData("""{}""", "no entries of id2label", "LABEL_0", "LABEL_1")]
    public void What_is_odd_is_noted(string id2label, string note, params string[] expected)
    {
        LabelSet labels = Read($"\"id2label\": {id2label}");

        Assert.Equal(expected, labels.Names);
        Assert.Contains(
            labels.Notes, line => line.StartsWith("config.json", StringComparison.Ordinal)
                && line.Contains(note, StringComparison.Ordinal));
    }

    [Fact]
    public void The_names_decide_how_many_classes_there_are()
    {
        LabelSet labels = Read("""
            "num_labels": 5, "id2label": {"0": "a", "1": "b"}
            """);

        Assert.Equal(["a", "b"], labels.Names);
        Assert.Contains("num_labels is 5, but id2label has 2 entries", Assert.Single(labels.Notes));
        Assert.Equal(3, Read("\"num_labels\": 3").Count);
        Assert.Empty(Read("\"num_labels\": 2, \"id2label\": {\"0\": \"a\", \"1\": \"b\"}, \"label2id\": {\"a\": 0, \"b\": 1}").Notes);
    }

    [Fact]
    public void Numbers_of_names_alone_name_nothing()
    {
        LabelSet labels = Read("\"label2id\": {\"a\": 0, \"b\": 1, \"c\": 2}");

        Assert.Equal(["LABEL_0", "LABEL_1"], labels.Names);
        Assert.Contains("no entries of id2label", Assert.Single(labels.Notes));
    }

    /// <summary>A language model's configuration may carry whatever a classifier left there.</summary>
    [Fact]
    public void Changed_labels_leave_nothing_odd_behind()
    {
        ModelConfig config =
            ModelConfig.Parse("""{"model_type": "roberta", "num_labels": 4, "id2label": {"1": "a", "2": "a"}, "label2id": {"a": 2}}""");

        LabelSet changed = config.WithLabels(new LabelSet("no", "yes")).Labels;

        Assert.Equal("a", ModelConfig.Parse("""{"model_type": "roberta", "id2label": {"0": "a", "1": "a"}}""").Labels.Repeated);
        Assert.Equal(["no", "yes"], changed.Names);
        Assert.Empty(changed.Notes);
    }

    private static LabelSet Read(string keys) => ModelConfig.Parse($$"""{"model_type": "roberta", {{keys}} }""").Labels;
}
