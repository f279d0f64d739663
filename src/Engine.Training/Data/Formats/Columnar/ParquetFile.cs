using Parquet;
using Parquet.Schema;

namespace Engine.Training.Data.Formats.Columnar;

/// <summary>An open Parquet file, of which one row group at a time is in memory.</summary>
internal sealed class ParquetFile : ColumnarFile
{
    // The library goes on for ever at some footers that are damaged; none that is whole takes this long.
    private static readonly TimeSpan LongestOpening = TimeSpan.FromMinutes(1);

    private readonly ParquetReader reader;
    private readonly ParquetNode?[] nodes;

    private ParquetFile(ParquetReader reader)
    {
        this.reader = reader;
        IReadOnlyList<Field> fields = reader.Schema.Fields;
        nodes = [.. fields.Select(field => ParquetNode.Of(field, definition: 0, repetition: 0))];
        Columns = [.. fields.Zip(nodes, (field, node) => new FileColumn(field.Name, node is null ? Held(field) : null))];
    }

    public override IReadOnlyList<FileColumn> Columns { get; }

    public override string? HuggingFace => reader.CustomMetadata.GetValueOrDefault(HuggingFaceFeatures.Key);

    /// <param name="stream">Disposed of with the file.</param>
    /// <exception cref="TimeoutException">The footer leads nowhere.</exception>
    public static ParquetFile Open(Stream stream) =>
        new(Task.Run(() => ParquetReader.CreateAsync(stream, leaveStreamOpen: false)).WaitAsync(LongestOpening).GetAwaiter().GetResult());

    public override IEnumerable<object?[]> Rows(IReadOnlyList<int> columns)
    {
        ParquetNode[] read = [.. columns.Select(column => nodes[column]!)];
        object?[] row = new object?[read.Length];
        for (int number = 0; number < reader.RowGroupCount; number++)
        {
            using ParquetRowGroupReader group = reader.OpenRowGroupReader(number);
            try
            {
                foreach (ParquetNode node in read)
                {
                    node.Load(group);
                }

                for (long i = 0; i < group.RowCount; i++)
                {
                    for (int column = 0; column < read.Length; column++)
                    {
                        row[column] = read[column].Next();
                    }

                    yield return row;
                }
            }
            finally
            {
                foreach (ParquetNode node in read)
                {
                    node.Unload();
                }
            }
        }
    }

    public override void Dispose() => reader.DisposeAsync().AsTask().GetAwaiter().GetResult();

    private static string Held(Field field) => field switch
    {
        DataField { IsArray: false } data when data.ClrType == typeof(ReadOnlyMemory<byte>) || data.ClrType == typeof(byte[]) => "bytes",
        DataField { IsArray: false } data => $"values of the type {data.ClrType.Name}",
        MapField => "maps",
        _ => "lists or structs of what is not read",
    };
}
