using System.Text.Json;
using System.Text.Json.Serialization;
using Apache.Arrow;
using Apache.Arrow.Compression;
using Apache.Arrow.Ipc;
using Apache.Arrow.Types;
using Engine.Tests;
using Parquet;
using Parquet.Serialization;

namespace Engine.Training.Tests.Data.Columnar;

/// <summary>One row of the samples; the same object is a line of JSON.</summary>
public sealed class SampleRow
{
    [JsonPropertyName("sentence")]
    public string? Sentence { get; set; }

    [JsonPropertyName("other")]
    public string? Other { get; set; }

    [JsonPropertyName("label")]
    public long? Label { get; set; }

    [JsonPropertyName("score")]
    public double? Score { get; set; }

    [JsonPropertyName("flag")]
    public bool Flag { get; set; }

    [JsonPropertyName("messages")]
    public List<SampleMessage>? Messages { get; set; }
}

/// <summary>One turn of a conversation.</summary>
public sealed class SampleMessage
{
    [JsonPropertyName("content")]
    public string? Content { get; set; }

    [JsonPropertyName("role")]
    public string? Role { get; set; }

    [JsonPropertyName("weight")]
    public int? Weight { get; set; }
}

/// <summary>Rows in files that the libraries' own writers make, laid out as Hugging Face datasets lay them out.</summary>
internal static class ColumnarSamples
{
    /// <summary>Every kind of file, by its ending and what is behind the dash.</summary>
    public static readonly string[] Kinds =
    [
        "parquet", "parquet-snappy", "parquet-gzip", "parquet-zstd", "arrow-stream", "arrow-file", "arrow-dictionary", "arrow-large",
        "arrow-zstd", "arrow-lz4",
    ];

    /// <summary>What Hugging Face datasets write into the metadata, with the names of the classes of the column <c>label</c>.</summary>
    public static string Features(params string[] names) => JsonSerializer.Serialize(new
    {
        info = new
        {
            features = new Dictionary<string, object>
            {
                ["sentence"] = new { dtype = "string", _type = "Value" },
                ["label"] = new { names, _type = "ClassLabel" },
            },
        },
    });

    public static SampleRow[] Labelled(int count) =>
    [
        .. Enumerable.Range(0, count).Select(i => new SampleRow
        {
            Sentence = $"sentence {i} \"é\" \U0001F600\n{new string('x', i % 5)}",
            Other = i % 3 == 0 ? "" : $"other {i}",
            Label = i * 7 % 3,
            Score = i % 4 == 0 ? double.NaN : i / 8.0,
            Flag = i % 2 == 0,
        }),
    ];

    public static SampleRow[] Conversations(int count) =>
    [
        .. Enumerable.Range(0, count).Select(i => new SampleRow
        {
            Messages =
            [
                .. Enumerable.Range(0, 1 + (i % 3)).SelectMany(turn => new SampleMessage[]
                {
                    new() { Role = "user", Content = $"question {i}.{turn}" },
                    new() { Role = "assistant", Content = turn == 1 ? "" : $"answer {i}.{turn}", Weight = turn == 2 ? 0 : null },
                }),
            ],
        }),
    ];

    /// <summary>Writes rows, three in a row group or record batch.</summary>
    /// <param name="kind">One of <see cref="Kinds"/>, or jsonl.</param>
    /// <param name="columns">The columns that are written.</param>
    /// <param name="features">The metadata of Hugging Face datasets.</param>
    public static string Write(TemporaryFolder folder, string kind, IReadOnlyList<SampleRow> rows, string columns, string? features = null)
    {
        string path = folder.File($"{kind}.{kind.Split('-')[0]}");
        if (kind == "jsonl")
        {
            File.WriteAllLines(path, rows.Select(row => JsonOf(row, columns.Split(' '))));
        }
        else if (kind.StartsWith("parquet", StringComparison.Ordinal))
        {
            WriteParquet(path, kind, rows, features);
        }
        else
        {
            WriteArrow(path, kind, rows, columns.Split(' '), features);
        }

        return path;
    }

    public static void WriteParquet<T>(string path, string kind, IReadOnlyList<T> rows, string? features = null)
    {
        CompressionMethod compression = kind.Split('-') switch
        {
            [_, "snappy"] => CompressionMethod.Snappy,
            [_, "gzip"] => CompressionMethod.Gzip,
            [_, "zstd"] => CompressionMethod.Zstd,
            _ => CompressionMethod.None,
        };
        Dictionary<string, string> metadata = features is null ? [] : new() { ["huggingface"] = features };
        ParquetSerializer.SerializeAsync(rows, path, new ParquetOptions { CompressionMethod = compression, RowGroupSize = 3 }, metadata)
            .GetAwaiter().GetResult();
    }

    public static void WriteArrow(string path, string kind, IEnumerable<RecordBatch> batches, Schema schema)
    {
        IpcOptions options = new()
        {
            CompressionCodec = kind.EndsWith("zstd", StringComparison.Ordinal) ? CompressionCodecType.Zstd
                : kind.EndsWith("lz4", StringComparison.Ordinal) ? CompressionCodecType.Lz4Frame
                : null,
            CompressionCodecFactory = new CompressionCodecFactory(),
        };
        using FileStream file = File.Create(path);
        using ArrowStreamWriter writer = kind == "arrow-stream"
            ? new ArrowStreamWriter(file, schema, leaveOpen: false, options)
            : new ArrowFileWriter(file, schema, leaveOpen: false, options);
        writer.WriteStart();
        foreach (RecordBatch batch in batches)
        {
            writer.WriteRecordBatch(batch);
        }

        writer.WriteEnd();
    }

    private static void WriteArrow(string path, string kind, IReadOnlyList<SampleRow> rows, string[] columns, string? features)
    {
        Schema? schema = null;
        List<RecordBatch> batches = [];

        // Their writer takes the first batch's dictionaries for all.
        foreach (SampleRow[] chunk in rows.Chunk(kind == "arrow-dictionary" ? rows.Count : 3))
        {
            IArrowArray[] arrays = [.. columns.Select(column => Column(kind, column, chunk))];
            schema ??= new Schema(
                columns.Zip(arrays, (name, array) => new Field(name, array.Data.DataType, nullable: true)),
                features is null ? null : new Dictionary<string, string> { ["huggingface"] = features });
            batches.Add(new RecordBatch(schema, arrays, chunk.Length));
        }

        WriteArrow(path, kind, batches, schema!);
    }

    private static IArrowArray Column(string kind, string column, SampleRow[] rows) => column switch
    {
        "sentence" => Strings(kind, [.. rows.Select(row => row.Sentence)]),
        "other" => Strings(kind, [.. rows.Select(row => row.Other)]),
        "label" =>
            Append(new Int64Array.Builder(), rows, (builder, row) =>
                _ = row.Label is { } label ? builder.Append(label) : builder.AppendNull()).Build(),
        "score" =>
            Append(new DoubleArray.Builder(), rows, (builder, row) =>
                _ = row.Score is { } score ? builder.Append(score) : builder.AppendNull()).Build(),
        "flag" => Append(new BooleanArray.Builder(), rows, (builder, row) => builder.Append(row.Flag)).Build(),
        _ => Messages(kind, [.. rows.Select(row => row.Messages)]),
    };

    private static TBuilder Append<TBuilder>(TBuilder builder, SampleRow[] rows, Action<TBuilder, SampleRow> append)
    {
        foreach (SampleRow row in rows)
        {
            append(builder, row);
        }

        return builder;
    }

    public static IArrowArray Strings(string kind, string?[] texts)
    {
        if (kind == "arrow-large")
        {
            LargeStringArray.Builder large = new();
            System.Array.ForEach(texts, text => _ = text is null ? large.AppendNull() : large.Append(text));
            return large.Build();
        }

        if (kind == "arrow-dictionary")
        {
            string[] known = [.. texts.OfType<string>().Distinct().Order(StringComparer.Ordinal)];
            Int32Array.Builder indices = new();
            System.Array.ForEach(
                texts, text => _ = text is null ? indices.AppendNull() : indices.Append(System.Array.IndexOf(known, text)));
            return new DictionaryArray(
                new DictionaryType(Int32Type.Default, StringType.Default, false), indices.Build(),
                new StringArray.Builder().AppendRange(known).Build());
        }

        StringArray.Builder builder = new();
        System.Array.ForEach(texts, text => _ = text is null ? builder.AppendNull() : builder.Append(text));
        return builder.Build();
    }

    private static IArrowArray Messages(string kind, List<SampleMessage>?[] lists)
    {
        SampleMessage[] all = [.. lists.SelectMany(list => list ?? [])];
        Int32Array.Builder weights = new();
        System.Array.ForEach(all, message => _ = message.Weight is { } weight ? weights.Append(weight) : weights.AppendNull());
        IArrowArray[] members = [Strings("arrow", [.. all.Select(message => message.Content)]),
            Strings(kind, [.. all.Select(message => message.Role)]), weights.Build()];
        StructType type = new(
            [.. new[] { "content", "role", "weight" }.Zip(members, (name, member) => new Field(name, member.Data.DataType, true))]);
        StructArray turns = new(type, all.Length, members, ArrowBuffer.Empty, 0);
        ArrowBuffer.Builder<int> offsets = new();
        ArrowBuffer.BitmapBuilder validity = new();
        int offset = 0, nulls = 0;
        foreach (List<SampleMessage>? list in lists)
        {
            offsets.Append(offset);
            validity.Append(list is not null);
            offset += list?.Count ?? 0;
            nulls += list is null ? 1 : 0;
        }

        offsets.Append(offset);
        return new ListArray(new ListType(new Field("item", type, true)), lists.Length, offsets.Build(), turns, validity.Build(), nulls);
    }

    private static string JsonOf(SampleRow row, string[] columns)
    {
        JsonElement whole = JsonSerializer.SerializeToElement(
            row, new JsonSerializerOptions { NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals });
        return $"{{{string.Join(", ", columns.Select(column => $"\"{column}\": {whole.GetProperty(column).GetRawText()}"))}}}";
    }
}
