namespace Engine.Training.Data.Formats;

/// <summary>One text a line.</summary>
internal sealed class TextFormat : DataFormat
{
    public override string Name => "text";

    public override IReadOnlyList<string> Endings { get; } = [".txt"];

    public override string Summary => "one text per line";

    public override string Description => "One text per line, for `masked-lm` and `causal-lm`.";

    internal override DataContents Holds => DataContents.Texts;

    internal override bool IsText => true;

    internal override IEnumerable<Example> ReadExamples(string path, ExampleReaderOptions options) => TextLines.Read(path)
        .Where(line => !string.IsNullOrWhiteSpace(line.Text))
        .Select(line => new Example(line.Text, null, null, 0, new DataPlace(path, line.Line)));
}
