using Parquet;
using Parquet.Data;
using Parquet.Schema;

namespace Engine.Training.Data.Formats.Columnar;

/// <summary>A column of single values, or the innermost part of a nested one.</summary>
internal sealed class ParquetLeaf(DataField column) : ParquetNode
{
    private RawColumnData? data;
    private Func<int, object>? values;
    private int entry, value;

    public override ParquetLeaf First => this;

    /// <summary>The definition level of the next entry.</summary>
    public int Definition => column.MaxDefinitionLevel == 0 ? 0 : data!.DefinitionLevels[entry];

    /// <summary>The repetition level of the next entry; -1 at the end.</summary>
    public int Repetition => entry < data!.RepetitionLevels.Length ? data.RepetitionLevels[entry] : -1;

    /// <summary>Whether columns of this type are read: texts, whole numbers, numbers, truth values.</summary>
    public static bool IsRead(DataField field) => field.ClrType == typeof(ReadOnlyMemory<char>) || field.ClrType == typeof(string)
        || Type.GetTypeCode(field.ClrType) is TypeCode.Boolean or (>= TypeCode.SByte and <= TypeCode.Double);

    public override void Load(ParquetRowGroupReader group)
    {
        data = group.ReadRawColumnDataBaseAsync(column).AsTask().GetAwaiter().GetResult();
        entry = value = 0;
        values = data switch
        {
            RawColumnData<ReadOnlyMemory<char>> texts => at => texts.Values[at].ToString(),
            RawColumnData<bool> flags => at => flags.Values[at],
            RawColumnData<sbyte> numbers => at => (long)numbers.Values[at],
            RawColumnData<byte> numbers => at => (long)numbers.Values[at],
            RawColumnData<short> numbers => at => (long)numbers.Values[at],
            RawColumnData<ushort> numbers => at => (long)numbers.Values[at],
            RawColumnData<int> numbers => at => (long)numbers.Values[at],
            RawColumnData<uint> numbers => at => (long)numbers.Values[at],
            RawColumnData<long> numbers => at => numbers.Values[at],
            RawColumnData<ulong> numbers => at => numbers.Values[at],
            RawColumnData<float> numbers => at => numbers.Values[at],
            RawColumnData<double> numbers => at => numbers.Values[at],
            _ => throw new NotSupportedException($"column {column.Path} is read as {data.GetType().Name}"),
        };
    }

    public override void Unload()
    {
        data?.Dispose();
        (data, values) = (null, null);
    }

    public override object? Next()
    {
        bool isThere = Definition == column.MaxDefinitionLevel;
        entry++;
        return isThere ? values!(value++) : null;
    }

    public override void Skip() => entry++;
}
