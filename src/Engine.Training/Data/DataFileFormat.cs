using System.Reflection;
using System.Runtime.Serialization;
using Engine.Model.Batching;

namespace Engine.Training.Data;

/// <summary>How a data file is written.</summary>
public enum DataFileFormat
{
    /// <summary>Tab-separated values as GLUE has them: a quote is an ordinary character.</summary>
    [EnumMember(Value = "tsv")]
    Tsv,

    /// <summary>Comma-separated values with quoting (RFC 4180).</summary>
    [EnumMember(Value = "csv")]
    Csv,

    /// <summary>One JSON object per line.</summary>
    [EnumMember(Value = "jsonl")]
    JsonLines,

    /// <summary>A list of JSON objects.</summary>
    [EnumMember(Value = "json")]
    Json,

    /// <summary>One text per line.</summary>
    [EnumMember(Value = "text")]
    Text,

    /// <summary>A safetensors file of batches that are tokenised already.</summary>
    [EnumMember(Value = "prebatched")]
    Prebatched,
}

/// <summary>What formats have in common, and what a file's ending says of its own.</summary>
public static class DataFileFormats
{
    /// <summary>Whether rows are columns of fields.</summary>
    public static bool IsTable(this DataFileFormat format) => format is DataFileFormat.Tsv or DataFileFormat.Csv;

    /// <summary>Whether rows are JSON objects.</summary>
    public static bool IsJson(this DataFileFormat format) => format is DataFileFormat.JsonLines or DataFileFormat.Json;

    /// <summary>The name, as <c>data.format</c> of the run file has it.</summary>
    public static string Name(this DataFileFormat format) =>
        typeof(DataFileFormat).GetField(format.ToString())!.GetCustomAttribute<EnumMemberAttribute>()!.Value!;

    /// <summary>The format of a name.</summary>
    public static DataFileFormat Named(string name) => Enum.GetValues<DataFileFormat>().First(format => format.Name() == name);

    /// <summary>What a file's ending says; null where it says nothing.</summary>
    public static DataFileFormat? OfEnding(string path) => Path.GetExtension(path).ToLowerInvariant() switch
    {
        ".tsv" or ".tab" => DataFileFormat.Tsv,
        ".csv" => DataFileFormat.Csv,
        ".jsonl" or ".ndjson" => DataFileFormat.JsonLines,
        ".json" => DataFileFormat.Json,
        ".txt" => DataFileFormat.Text,
        ".safetensors" => DataFileFormat.Prebatched,
        _ => null,
    };

    /// <summary>What to add to a complaint about a file that is read otherwise than its ending says; null where it is not.</summary>
    public static string? Suspicion(string path, DataFileFormat read) => OfEnding(path) is { } ending && ending != read
        ? $"The file's ending says {ending.Name()}, and it is read as {read.Name()}, as data.format or --format has it."
        : null;

    /// <summary>How a file is read: as is said, else as its ending says.</summary>
    /// <exception cref="DataFileException">Neither says it.</exception>
    public static DataFileFormat Of(string path, DataFileFormat? given) => given ?? OfEnding(path) ?? throw new DataFileException(
        path, "the file's ending does not say how it is written; name it with data.format in the run file or with --format: tsv, csv, jsonl, json or text.");
}
