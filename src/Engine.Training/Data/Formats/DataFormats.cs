using System.Text;
using Engine.Common.Keys;
using Engine.Model.Batching;
using Engine.Training.Configuration;

namespace Engine.Training.Data.Formats;

/// <summary>Every format of data files, and what a file's ending says of its own.</summary>
public static class DataFormats
{
    /// <summary>Tab-separated values.</summary>
    public static DataFormat Tsv { get; } = new TsvFormat();

    /// <summary>Comma-separated values.</summary>
    public static DataFormat Csv { get; } = new CsvFormat();

    /// <summary>One JSON object a line.</summary>
    public static DataFormat JsonLines { get; } = new JsonLinesFormat();

    /// <summary>A list of JSON objects.</summary>
    public static DataFormat Json { get; } = new JsonFormat();

    /// <summary>One text a line.</summary>
    public static DataFormat Text { get; } = new TextFormat();

    /// <summary>Apache Parquet.</summary>
    public static DataFormat Parquet { get; } = new ParquetFormat();

    /// <summary>Apache Arrow.</summary>
    public static DataFormat Arrow { get; } = new ArrowFormat();

    /// <summary>Batches that are tokenised already.</summary>
    public static DataFormat Prebatched { get; } = new PrebatchedFormat();

    /// <summary>All of them, in the order in which lists of formats name them.</summary>
    public static IReadOnlyList<DataFormat> All { get; } = [Tsv, Csv, JsonLines, Json, Parquet, Arrow, Text, Prebatched];

    /// <summary>The formats that may hold any of these.</summary>
    internal static IEnumerable<DataFormat> Holding(DataContents contents) => All.Where(format => format.HoldsAny(contents));

    /// <summary>The format of a name; null where none has it.</summary>
    public static DataFormat? Named(string name) => All.FirstOrDefault(format => format.Name == name);

    /// <summary>What a file's ending says, <c>.gz</c> behind that of a text apart; null where it says nothing.</summary>
    public static DataFormat? OfEnding(string path)
    {
        bool isCompressed = GzipFile.IsNamed(path);
        string ending = Path.GetExtension(isCompressed ? Path.GetFileNameWithoutExtension(path) : path).ToLowerInvariant();
        return All.FirstOrDefault(format => format.Endings.Contains(ending) && (format.IsText || !isCompressed));
    }

    /// <summary>How a file is read: as is said, else as its ending says.</summary>
    /// <exception cref="DataFileException">Neither says it.</exception>
    public static DataFormat Of(string path, DataFormat? given) => given ?? OfEnding(path) ?? throw new DataFileException(
        path, $"the file's ending does not say how it is written; name it ({Setting.Of("data.format")}): "
            + $"{Names(Holding(~DataContents.Batches), "or")}.")
    {
        Settings = [nameof(DataConfiguration.Format)],
    };

    /// <summary>What to add to a complaint about a file that is read otherwise than its ending says; null where it is not.</summary>
    public static string? Suspicion(string path, DataFormat read) => OfEnding(path) is { } ending && ending != read
        ? $"The file's ending says {ending}, and it is read as {read}, as its format was named ({Setting.Of("data.format")})."
        : null;

    /// <summary>Names as a sentence has them: "tsv, csv or json".</summary>
    public static string Names(IEnumerable<DataFormat> formats, string conjunction)
    {
        string[] names = [.. formats.Select(format => format.Name)];
        return names.Length < 2 ? string.Concat(names) : $"{string.Join(", ", names[..^1])} {conjunction} {names[^1]}";
    }

    /// <summary>What formats are, each with its name: "tsv (tabs, no quoting, as GLUE), ...".</summary>
    public static string Summaries(IEnumerable<DataFormat> formats) =>
        string.Join(", ", formats.Select(format => $"{format} ({format.Summary})"));

    /// <summary>Every ending, each with the format's name where the ending is another word.</summary>
    public static string Endings() => string.Join(
        ", ", All.Select(format => format.Endings[0] == $".{format}" ? format.Endings[0] : $"{format.Endings[0]} ({format})"));

    /// <summary>The formats as a Markdown table, for docs/run-file.md.</summary>
    public static string ToMarkdown()
    {
        StringBuilder text = new("| format | ending | |\n|---|---|---|\n");
        foreach (DataFormat format in All)
        {
            text.Append($"| `{format}` | {string.Join(", ", format.Endings)} | {format.Description} |\n");
        }

        return text.ToString();
    }
}
