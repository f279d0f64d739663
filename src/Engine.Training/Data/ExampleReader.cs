using Engine.Model.Batching;
using Engine.Training.Configuration;
using Engine.Training.Data.Formats;

namespace Engine.Training.Data;

/// <summary>Which columns of a data file hold what.</summary>
internal sealed record ExampleReaderOptions
{
    /// <summary>What a row holds: lists of words and labels for some tasks.</summary>
    public TaskKind Task { get; init; }

    /// <summary>How the files are written; null: as the ending of each says. It holds rows or texts.</summary>
    public DataFormat? Format { get; init; }

    /// <summary>The first row of a table names the columns.</summary>
    public bool Header { get; init; } = true;

    /// <summary>What stands between a table's columns; null: what the format has.</summary>
    public char? Delimiter { get; init; }

    /// <summary>The text; not read from formats of texts alone.</summary>
    public ColumnReference? Text { get; init; }

    /// <summary>The second text of a pair; null without pairs.</summary>
    public ColumnReference? TextPair { get; init; }

    /// <summary>Columns of texts that do not belong to the first one.</summary>
    public IReadOnlyList<string> TextNegatives { get; init; } = [];

    /// <summary>The label; null where labels are not wanted.</summary>
    public ColumnReference? Label { get; init; }

    /// <summary>Every row also gives all of its columns.</summary>
    public bool KeepsColumns { get; init; }

    /// <summary>Only the first rows, this many; null for all.</summary>
    public int? Limit { get; init; }
}

/// <summary>Reads texts and labels from files of every format that holds rows or texts.</summary>
internal static class ExampleReader
{
    /// <summary>Reads whole files, one after another. Blank lines are passed over.</summary>
    /// <exception cref="DataFileException">A missing or empty file, a missing column (the nearest one is named), a malformed
    /// line.</exception>
    public static ExampleSet Read(DataFiles files, ExampleReaderOptions options)
    {
        IEnumerable<Example> examples = Enumerate(files, options);
        return new ExampleSet(files, [.. options.Limit is int limit ? examples.Take(limit) : examples])
        {
            ClassNames = ClassNames(files, options),
        };
    }

    /// <summary>The rows of files as they are read, the limit apart.</summary>
    /// <exception cref="DataFileException">As for <see cref="Read"/>, when the row is reached.</exception>
    public static IEnumerable<Example> Enumerate(DataFiles files, ExampleReaderOptions options)
    {
        int row = 0;
        foreach (string path in files.Paths)
        {
            DataFormat format = DataFormats.Of(path, options.Format);
            int before = row;
            using IEnumerator<Example> examples = format.ReadExamples(path, options).GetEnumerator();
            while (MoveNext(examples, path, format))
            {
                yield return examples.Current with { Row = row++ };
            }

            if (row == before)
            {
                throw new DataFileException(path, "there are no rows; at least one was expected.");
            }
        }
    }

    /// <summary>The classes that the files name, where all of them name the same ones.</summary>
    private static IReadOnlyList<string>? ClassNames(DataFiles files, ExampleReaderOptions options)
    {
        if (options.Label is not { } label)
        {
            return null;
        }

        IReadOnlyList<string>?[] names = [.. files.Paths.Select(path => DataFormats.Of(path, options.Format).ClassNames(path, label))];
        return Array.TrueForAll(names, other => other is not null && other.SequenceEqual(names[0]!)) ? names[0] : null;
    }

    /// <summary>Goes on to the next row; a complaint about a file whose ending says that it is read wrongly says so.</summary>
    private static bool MoveNext(IEnumerator<Example> examples, string path, DataFormat format)
    {
        try
        {
            return examples.MoveNext();
        }
        catch (DataFileException error) when (DataFormats.Suspicion(path, format) is { } suspicion)
        {
            throw error.With(suspicion);
        }
    }
}
