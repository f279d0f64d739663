namespace Engine.Training.Data.Formats;

/// <summary>A table of text: rows of fields with a character between them, the first perhaps a header.</summary>
internal abstract class TableFormat : DataFormat
{
    internal sealed override DataContents Holds => DataContents.Rows;

    internal sealed override bool IsText => true;

    internal sealed override bool IsDelimited => true;

    internal sealed override bool HasColumnNumbers => true;

    /// <summary>What stands between columns where nothing else is said.</summary>
    public abstract char Delimiter { get; }

    /// <summary>What to say of a line with another number of fields than the header.</summary>
    /// <param name="delimiter">What stands between its columns, in words.</param>
    public abstract string Splitting(string delimiter);

    /// <summary>The records of a table, header included, as fields with the line they start on; blank lines are left out.</summary>
    /// <param name="delimiter">Null: what holds for the format.</param>
    public abstract IEnumerable<(int Line, string[] Fields)> Rows(string path, char? delimiter);

    internal sealed override IEnumerable<Example> ReadExamples(string path, ExampleReaderOptions options) =>
        new TableReader(path, this, options).Read();
}
