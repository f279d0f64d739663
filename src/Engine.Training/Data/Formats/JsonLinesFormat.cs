namespace Engine.Training.Data.Formats;

/// <summary>One JSON object a line.</summary>
internal sealed class JsonLinesFormat : RecordFormat
{
    public override string Name => "jsonl";

    public override IReadOnlyList<string> Endings { get; } = [".jsonl", ".ndjson"];

    public override string Summary => "one JSON object per line";

    public override string Description => "One JSON object per line; columns are property names. `NaN` and infinities, as Python "
        + "writes them, "
        + "are read past where they are no text and no label.";

    internal override bool IsText => true;

    internal override IEnumerable<JsonRecord> ReadRecords(string path) => TextLines.Read(path)
        .Where(line => !string.IsNullOrWhiteSpace(line.Text))
        .Select(line => JsonRecord.Parse(new DataPlace(path, line.Line), line.Text));
}
