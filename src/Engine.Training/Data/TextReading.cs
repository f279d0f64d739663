using Engine.Common;
using Engine.Common.Keys;
using Engine.Training.Configuration;
using Engine.Training.Data.Formats;

namespace Engine.Training.Data;

/// <summary>Texts without labels that a model is to answer.</summary>
/// <param name="Rows">The texts in their order, read as they are asked for.</param>
/// <param name="Paths">The files they are read from.</param>
internal sealed record TextSource(IEnumerable<Example> Rows, IReadOnlyList<string> Paths);

/// <summary>
/// How files of texts without labels are read: rows of tables and JSON by their columns, formats of texts alone by lines.
/// </summary>
internal sealed class TextReading
{
    private readonly DataConfiguration read;
    private readonly TaskKind task;
    private readonly bool pairsInLines, keepsColumns;

    /// <param name="texts">The files, and how they are read where the run does not say it.</param>
    /// <param name="run">The model's run, whose data says which column holds the texts; null for none.</param>
    /// <param name="pairsInLines">Each line is a pair of texts, whatever the file's ending.</param>
    /// <param name="keepsColumns">Whether rows of tables and JSON come with all of their columns.</param>
    /// <exception cref="ConfigurationException">No files, or no column of texts, are named.</exception>
    public TextReading(DataSelection texts, RunConfiguration? run, bool pairsInLines, bool keepsColumns)
    {
        DataFiles files = DataFileSearch.Find(
            texts.Files ?? throw new ConfigurationException("No files of texts are given.") { Settings = [nameof(DataSelection.Files)] },
            texts.Format);
        (this.pairsInLines, this.keepsColumns) = (pairsInLines, keepsColumns);
        Paths = files.Paths;
        task = run?.Task ?? TaskKind.SequenceClassification;
        read = Reading(texts, files, run, pairsInLines);
    }

    /// <summary>The files that were found.</summary>
    public IReadOnlyList<string> Paths { get; }

    /// <summary>The texts of all files, one after another.</summary>
    public TextSource All => new(Paths.SelectMany(Rows), Paths);

    /// <summary>The texts of one of the files.</summary>
    public IEnumerable<Example> Rows(string path) =>
        pairsInLines || read.FormatsOf(path).All(format => format.HoldsAny(DataContents.Texts))
            ? TextRows.OfLines(TextLines.Read(path), path, pairsInLines)
            : ExampleReader.Enumerate(path, read.ReaderOptions(task) with { KeepsColumns = keepsColumns });

    private static DataConfiguration Reading(DataSelection texts, DataFiles files, RunConfiguration? run, bool pairsInLines)
    {
        if (pairsInLines && texts.Format is { } format && !format.HoldsAny(DataContents.Texts))
        {
            throw new ConfigurationException(
                $"Pairs in lines are lines of text, and the files are {format}; name the columns of the two texts instead.")
            {
                Settings = [nameof(DataSelection.Text), nameof(DataSelection.TextPair)],
            };
        }

        DataConfiguration start = run?.Data ?? new DataConfiguration { Train = files };
        DataConfiguration read = texts.Over(start, files) with { Label = null };
        return pairsInLines || read.Text is not null || read.FormatsOf(files).All(known => known.HoldsAny(DataContents.Texts))
            ? read
            : throw new ConfigurationException($"Say which column of {files} holds the text ({Setting.Of("data.text")}).")
            {
                Settings = [nameof(DataSelection.Text), nameof(DataSelection.TextPair)],
            };
    }
}

/// <summary>Texts that come line by line, pairs with a tab between.</summary>
internal static class TextRows
{
    /// <summary>Lines of text.</summary>
    /// <param name="source">Where they come from, for messages.</param>
    public static IEnumerable<Example> OfLines(IEnumerable<(int Line, string Text)> lines, string source, bool arePairs) =>
        lines.Select(line => OfLine(new DataPlace(source, line.Line), line.Text, arePairs));

    /// <summary>A line of text.</summary>
    /// <exception cref="Model.Batching.DataFileException">A pair has another number of tabs than one.</exception>
    public static Example OfLine(DataPlace place, string line, bool isPair)
    {
        if (!isPair)
        {
            return new Example(line, null, null, 0, place);
        }

        string[] parts = line.Split('\t');
        return parts.Length == 2
            ? new Example(parts[0], parts[1], null, 0, place)
            : throw place.Wrong($"{parts.Length - 1} tabs; one was expected, between the two texts of a pair.");
    }
}
