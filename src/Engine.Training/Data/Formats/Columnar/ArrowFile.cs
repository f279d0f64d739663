using System.Buffers.Binary;
using Apache.Arrow;
using Apache.Arrow.Compression;
using Apache.Arrow.Ipc;

namespace Engine.Training.Data.Formats.Columnar;

/// <summary>An open Arrow file, of which one record batch at a time is in memory.</summary>
internal sealed class ArrowFile : ColumnarFile
{
    private const int Continuation = -1;

    private readonly ArrowStreamReader reader;
    private readonly Schema schema;

    private ArrowFile(ArrowStreamReader reader)
    {
        this.reader = reader;
        schema = reader.GetSchema().AsTask().GetAwaiter().GetResult();
        Columns =
        [
            .. from field in schema.FieldsList
               let unread = ArrowValues.IsRead(field.DataType) ? null : $"values of the type {field.DataType.Name}"
               select new FileColumn(field.Name, unread),
        ];
    }

    public override IReadOnlyList<FileColumn> Columns { get; }

    public override string? HuggingFace => schema.Metadata?.GetValueOrDefault(HuggingFaceFeatures.Key);

    /// <summary>Whether bytes are a file with a footer.</summary>
    public static bool IsFooted(Stream file)
    {
        ReadOnlySpan<byte> magic = "ARROW1"u8;
        byte[] read = new byte[magic.Length];
        return ReadStart(file, read) && magic.SequenceEqual(read);
    }

    /// <summary>
    /// Whether bytes are a stream that has come to its end: messages behind their lengths, and since Arrow 0.15 a word of ones before each
    /// length, the last of which is 0.
    /// </summary>
    public static bool IsStream(Stream file)
    {
        byte[] read = new byte[2 * sizeof(int)];
        if (!ReadStart(file, read))
        {
            return false;
        }

        (int first, int second) = Words(read);
        if (first != Continuation)
        {
            return first > 0 && first <= file.Length;
        }

        file.Position = file.Length - read.Length;
        file.ReadExactly(read);
        return second > 0 && second <= file.Length && Words(read) == (Continuation, 0);
    }

    /// <param name="stream">Disposed of with the file.</param>
    public static ArrowFile Open(Stream stream)
    {
        bool isFooted = IsFooted(stream);
        stream.Position = 0;
        CompressionCodecFactory codecs = new();
        return new ArrowFile(isFooted ? new ArrowFileReader(stream, codecs) : new ArrowStreamReader(stream, codecs));
    }

    public override IEnumerable<object?[]> Rows(IReadOnlyList<int> columns)
    {
        object?[] row = new object?[columns.Count];
        while (reader.ReadNextRecordBatch() is { } batch)
        {
            using (batch)
            {
                IArrowArray[] read = [.. columns.Select(batch.Column)];
                for (int i = 0; i < batch.Length; i++)
                {
                    for (int column = 0; column < read.Length; column++)
                    {
                        row[column] = ArrowValues.Of(read[column], i);
                    }

                    yield return row;
                }
            }
        }
    }

    public override void Dispose() => reader.Dispose();

    private static (int First, int Second) Words(ReadOnlySpan<byte> bytes) =>
        (BinaryPrimitives.ReadInt32LittleEndian(bytes), BinaryPrimitives.ReadInt32LittleEndian(bytes[sizeof(int)..]));

    private static bool ReadStart(Stream file, Span<byte> start)
    {
        file.Position = 0;
        return file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false) == start.Length;
    }
}
