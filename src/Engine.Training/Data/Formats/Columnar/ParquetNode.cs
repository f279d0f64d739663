using Parquet;
using Parquet.Schema;

namespace Engine.Training.Data.Formats.Columnar;

/// <summary>
/// A column of a Parquet file, or a part of a nested one, from which values are taken one after another. Nested values are put together
/// from the levels of their leaves (Dremel, Melnik et al. 2010, section 4): an entry's definition level says how many of the optional parts
/// around it are there, and its repetition level which list it goes on with.
/// </summary>
internal abstract class ParquetNode
{
    /// <summary>A leaf below the node, whose levels say what is there of the node itself.</summary>
    public abstract ParquetLeaf First { get; }

    /// <summary>The column of a field; null where it is of a kind that is not read.</summary>
    /// <param name="definition">Definition level at which what is around the field is there.</param>
    /// <param name="repetition">How many lists are around it.</param>
    public static ParquetNode? Of(Field field, int definition, int repetition)
    {
        int present = definition + (field.IsNullable ? 1 : 0);
        switch (field)
        {
            case DataField { IsArray: false } leaf when ParquetLeaf.IsRead(leaf):
                return leaf.MaxDefinitionLevel == present && leaf.MaxRepetitionLevel == repetition ? new ParquetLeaf(leaf) : null;
            case ListField list when list.MaxDefinitionLevel == present + 1 && list.MaxRepetitionLevel == repetition + 1:
                return Of(list.Item, present + 1, repetition + 1) is { } item ? new ParquetList(item, present, repetition + 1) : null;
            case StructField group:
                ParquetNode?[] members = [.. group.Fields.Select(member => Of(member, present, repetition))];
                return members.Length > 0 && !members.Contains(null)
                    ? new ParquetStruct([.. group.Fields.Select(member => member.Name)], members!, present)
                    : null;
            default:
                return null;
        }
    }

    /// <summary>Reads the node's part of a row group.</summary>
    public abstract void Load(ParquetRowGroupReader group);

    /// <summary>Gives the memory of the row group back.</summary>
    public abstract void Unload();

    /// <summary>The next value.</summary>
    public abstract object? Next();

    /// <summary>Goes past an entry at which the node is null or an empty list.</summary>
    public abstract void Skip();
}

/// <summary>A list of values.</summary>
/// <param name="present">Definition level at which the list is there.</param>
/// <param name="repetition">Repetition level of an entry that goes on with it.</param>
internal sealed class ParquetList(ParquetNode item, int present, int repetition) : ParquetNode
{
    public override ParquetLeaf First => item.First;

    public override void Load(ParquetRowGroupReader group) => item.Load(group);

    public override void Unload() => item.Unload();

    public override object? Next()
    {
        int definition = First.Definition;
        if (definition <= present)
        {
            item.Skip();
            return definition < present ? null : Array.Empty<object?>();
        }

        List<object?> items = [];
        do
        {
            items.Add(item.Next());
        }
        while (First.Repetition >= repetition);
        return items.ToArray();
    }

    public override void Skip() => item.Skip();
}

/// <summary>Values with names.</summary>
/// <param name="present">Definition level at which the struct is there.</param>
internal sealed class ParquetStruct(string[] names, ParquetNode[] members, int present) : ParquetNode
{
    public override ParquetLeaf First => members[0].First;

    public override void Load(ParquetRowGroupReader group) => Array.ForEach(members, member => member.Load(group));

    public override void Unload() => Array.ForEach(members, member => member.Unload());

    public override object? Next()
    {
        if (First.Definition < present)
        {
            Skip();
            return null;
        }

        KeyValuePair<string, object?>[] values = new KeyValuePair<string, object?>[members.Length];
        for (int i = 0; i < members.Length; i++)
        {
            values[i] = KeyValuePair.Create(names[i], members[i].Next());
        }

        return values;
    }

    public override void Skip() => Array.ForEach(members, member => member.Skip());
}
