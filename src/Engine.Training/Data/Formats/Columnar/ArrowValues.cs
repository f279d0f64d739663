using System.Text;
using Apache.Arrow;
using Apache.Arrow.Types;

namespace Engine.Training.Data.Formats.Columnar;

/// <summary>Single values of Arrow's arrays.</summary>
internal static class ArrowValues
{
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Whether columns of a type are read: texts, whole numbers, numbers, truth values, and lists and structs of these.</summary>
    public static bool IsRead(IArrowType type) => type switch
    {
        DictionaryType dictionary => IsRead(dictionary.ValueType),
        ListType list => IsRead(list.ValueDataType),
        LargeListType list => IsRead(list.ValueDataType),
        FixedSizeListType list => IsRead(list.ValueDataType),
        StructType group => group.Fields.Count > 0 && group.Fields.All(member => IsRead(member.DataType)),
        _ => type.TypeId is ArrowTypeId.Null or ArrowTypeId.Boolean
            or ArrowTypeId.String or ArrowTypeId.LargeString or ArrowTypeId.StringView
            or ArrowTypeId.Int8 or ArrowTypeId.Int16 or ArrowTypeId.Int32 or ArrowTypeId.Int64
            or ArrowTypeId.UInt8 or ArrowTypeId.UInt16 or ArrowTypeId.UInt32 or ArrowTypeId.UInt64
            or ArrowTypeId.HalfFloat or ArrowTypeId.Float or ArrowTypeId.Double,
    };

    /// <summary>The value at a place of an array whose type is read.</summary>
    public static object? Of(IArrowArray array, int at)
    {
        if (array is NullArray || array.IsNull(at))
        {
            return null;
        }

        return array switch
        {
            // Their own GetString does not check the offsets of a damaged file.
            StringArray texts => Utf8.GetString(texts.GetBytes(at)),
            LargeStringArray texts => Utf8.GetString(texts.GetBytes(at)),
            StringViewArray texts => Utf8.GetString(texts.GetBytes(at)),
            BooleanArray flags => flags.GetValue(at),
            Int8Array numbers => (long)numbers.Values[at],
            Int16Array numbers => (long)numbers.Values[at],
            Int32Array numbers => (long)numbers.Values[at],
            Int64Array numbers => numbers.Values[at],
            UInt8Array numbers => (long)numbers.Values[at],
            UInt16Array numbers => (long)numbers.Values[at],
            UInt32Array numbers => (long)numbers.Values[at],
            UInt64Array numbers => numbers.Values[at],
            HalfFloatArray numbers => (float)numbers.Values[at],
            FloatArray numbers => numbers.Values[at],
            DoubleArray numbers => numbers.Values[at],
            DictionaryArray dictionary => Of(dictionary.Dictionary, Convert.ToInt32(Of(dictionary.Indices, at))),
            ListArray list => Items(list.Values, list.ValueOffsets[at], list.ValueOffsets[at + 1]),
            LargeListArray list => Items(list.Values, checked((int)list.ValueOffsets[at]), checked((int)list.ValueOffsets[at + 1])),
            FixedSizeListArray list => Items(list.GetSlicedValues(at), 0, ((FixedSizeListType)list.Data.DataType).ListSize),
            StructArray group => Members(group, at),
            _ => throw new NotSupportedException($"values of the type {array.Data.DataType.Name}"),
        };
    }

    private static object?[] Items(IArrowArray values, int start, int end)
    {
        object?[] items = new object?[end - start];
        for (int i = start; i < end; i++)
        {
            items[i - start] = Of(values, i);
        }

        return items;
    }

    private static KeyValuePair<string, object?>[] Members(StructArray group, int at)
    {
        IReadOnlyList<Field> fields = ((StructType)group.Data.DataType).Fields;
        return [.. fields.Select((field, i) => KeyValuePair.Create(field.Name, Of(group.Fields[i], at)))];
    }
}
