using Engine.Training.Configuration;

namespace Engine.Training.Data.Formats;

/// <summary>What files of a format can hold; some hold one thing or another.</summary>
[Flags]
internal enum DataContents
{
    /// <summary>Rows with named columns, of which some hold texts and labels.</summary>
    Rows = 1,

    /// <summary>Records for language models, known by their keys (<see cref="CausalDataKind"/>).</summary>
    Records = 2,

    /// <summary>Texts and nothing else.</summary>
    Texts = 4,

    /// <summary>Batches that are tokenised already.</summary>
    Batches = 8,
}

/// <summary>
/// A way to write data files: what tells its files, what they can hold, and how they are read. <see cref="DataFormats.All"/> lists every
/// one.
/// </summary>
public abstract class DataFormat
{
    /// <summary>The name, as <c>data.format</c> of the run file has it.</summary>
    public abstract string Name { get; }

    /// <summary>The endings of its files' names in lower case, each with its dot.</summary>
    public abstract IReadOnlyList<string> Endings { get; }

    /// <summary>What it is in a few words, for lists of formats.</summary>
    public abstract string Summary { get; }

    /// <summary>What to know of it, in sentences, for docs/run-file.md.</summary>
    public abstract string Description { get; }

    /// <summary>What its files can hold.</summary>
    internal abstract DataContents Holds { get; }

    /// <summary>
    /// Whether a character stands between columns, and the first line may be a header (<see cref="DataConfiguration.Delimiter"/>, <see
    /// cref="DataConfiguration.Header"/>).
    /// </summary>
    internal virtual bool IsDelimited => false;

    /// <summary>Whether columns have numbers beside their names.</summary>
    internal virtual bool HasColumnNumbers => false;

    /// <summary>Whether its files are text, and may be compressed by gzip (<c>.gz</c> behind the ending).</summary>
    internal virtual bool IsText => false;

    /// <summary>Whether it may hold any of these.</summary>
    internal bool HoldsAny(DataContents contents) => (Holds & contents) != 0;

    /// <summary>The rows of a file as texts with their labels, or its texts, each with <see cref="Example.Row"/> 0.</summary>
    /// <exception cref="Model.Batching.DataFileException">The file is missing or broken, or has no such columns; when the row is
    /// reached.</exception>
    internal virtual IEnumerable<Example> ReadExamples(string path, ExampleReaderOptions options) => throw NotHeld("rows of text");

    /// <summary>The records of a file; who takes one disposes of it.</summary>
    /// <exception cref="Model.Batching.DataFileException">The file is missing or broken; when the record is reached.</exception>
    internal virtual IEnumerable<JsonRecord> ReadRecords(string path) => throw NotHeld("records");

    /// <summary>The names of a column's classes in the order of their numbers, where the file itself has them; else null.</summary>
    /// <exception cref="Model.Batching.DataFileException">The file is missing or broken.</exception>
    internal virtual IReadOnlyList<string>? ClassNames(string path, ColumnReference column) => null;

    /// <inheritdoc/>
    public sealed override string ToString() => Name;

    private NotSupportedException NotHeld(string what) => new($"Files of the format {Name} hold no {what}.");
}
