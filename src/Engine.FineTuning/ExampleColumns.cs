using Engine.Training.Configuration;

namespace Engine.FineTuning;

/// <summary>The columns that a program's examples are written to, called as data sets of the task call them.</summary>
/// <param name="Text">The text, its words, or the question.</param>
/// <param name="TextPair">The second text, the context, or the list of choices; null where there is none.</param>
/// <param name="Label">What is to be said of it.</param>
internal sealed record ExampleColumns(string Text, string? TextPair, string Label)
{
    public static readonly ExampleColumns Texts = new(ExampleWriter.Text, ExampleWriter.TextPair, ExampleWriter.Label);
    public static readonly ExampleColumns LabelLists = Texts with { Label = ExampleWriter.Labels };
    public static readonly ExampleColumns Words = new("tokens", null, "tags");
    public static readonly ExampleColumns Questions = new("question", "context", "answers");
    public static readonly ExampleColumns Choices = new("question", "choices", "label");

    /// <summary>The section that reads them.</summary>
    public DataConfiguration In(DataConfiguration data) => data with { Text = Text, TextPair = TextPair, Label = Label };
}
