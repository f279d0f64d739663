namespace Engine.Training.Data;

/// <summary>Reads examples from a file with one JSON object per line.</summary>
internal static class JsonLines
{
    public static IEnumerable<Example> Read(string path, ExampleReaderOptions options)
    {
        string text = Name(options.Text) ?? throw new ArgumentException("JSON Lines need the property of the text.", nameof(options));
        string? pair = Name(options.TextPair);
        string? label = Name(options.Label);
        int row = 0;
        foreach ((int line, string source) in TextLines.Read(path))
        {
            if (string.IsNullOrWhiteSpace(source))
            {
                continue;
            }

            using JsonLine item = JsonLine.Parse(path, line, source);
            yield return new Example(
                item.Text(text), pair is null ? null : item.Text(pair), label is null ? null : item.Label(label), row++, line);
        }
    }

    private static string? Name(ColumnReference? column) => column is not { } reference
        ? null
        : reference.Name ?? throw new ArgumentException($"JSON Lines have no column numbers; give the name of the property instead of {reference.Index}.");
}
