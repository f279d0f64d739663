using Engine.Model.Batching;

namespace Engine.Training.Data.Formats;

/// <summary>Objects whose properties are columns with names; they may be records for language models too.</summary>
internal abstract class RecordFormat : DataFormat
{
    internal sealed override DataContents Holds => DataContents.Rows | DataContents.Records;

    internal sealed override IEnumerable<Example> ReadExamples(string path, ExampleReaderOptions options)
    {
        string text = NameOf(options.Text) ?? throw new ArgumentException($"The format {Name} needs the column of the "
            + "text.", nameof(options));
        string? pair = NameOf(options.TextPair), label = NameOf(options.Label);
        if (label is not null && (label == text || label == pair))
        {
            throw new DataFileException(path, $"the label is read from column '{label}', which is the text's; the model would be "
                + "given its answer. Name the label's own column.");
        }

        if (text == pair)
        {
            throw new DataFileException(path, $"both texts of a pair are read from column '{text}'; name the second one's own column.");
        }

        IEnumerable<JsonRecord> records = options.KeepsColumns
            ? ReadRecords(path)
            : ReadColumns(path, [.. new[] { text, pair, label }.OfType<string>(), .. options.TextNegatives]);
        foreach (JsonRecord record in records)
        {
            using (record)
            {
                yield return RecordRows.Read(record, options.Task, text, pair, label) with
                {
                    Negatives = options.TextNegatives is [] ? null : [.. options.TextNegatives.Select(record.Text)],
                    Columns = options.KeepsColumns ? record.Columns : null,
                };
            }
        }
    }

    /// <summary>The records of a file, of which only these columns are asked for.</summary>
    /// <exception cref="DataFileException">As for <see cref="DataFormat.ReadRecords"/>.</exception>
    protected virtual IEnumerable<JsonRecord> ReadColumns(string path, IReadOnlyList<string> columns) => ReadRecords(path);

    private string? NameOf(ColumnReference? column) => column is not { } reference
        ? null
        : reference.Name ?? throw new ArgumentException($"{Name} has no column numbers; give the name of the column instead of "
            + $"{reference.Index}.");
}
