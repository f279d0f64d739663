using Engine.Model.Batching;

namespace Engine.Training.Data.Formats;

/// <summary>Tab-separated values as GLUE has them: a quote is an ordinary character.</summary>
internal sealed class TsvFormat : TableFormat
{
    public override string Name => "tsv";

    public override IReadOnlyList<string> Endings { get; } = [".tsv", ".tab"];

    public override string Summary => "tabs, no quoting, as GLUE";

    public override string Description => "Tab-separated, one row per line, no quoting: a quote is an ordinary character (as in GLUE).";

    public override char Delimiter => '\t';

    public override string Splitting(string delimiter) => $"A {delimiter} inside a text splits it.";

    public override IEnumerable<(int Line, string[] Fields)> Rows(string path, char? delimiter)
    {
        using IEnumerator<(int Line, string Text)> lines = TextLines.Read(path).GetEnumerator();
        bool more = lines.MoveNext();
        for (bool first = true; more; first = false)
        {
            (int line, string text) = lines.Current;
            more = lines.MoveNext();
            if (first && !more && text.Contains('\r', StringComparison.Ordinal))
            {
                throw new DataFileException(path, "the lines end with a carriage return alone; convert them to end with a line feed.");
            }

            if (!string.IsNullOrWhiteSpace(text))
            {
                yield return (line, text.Split(delimiter ?? Delimiter));
            }
        }
    }
}
