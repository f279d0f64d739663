using System.Runtime.Serialization;

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
