using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Engine.Training.Data;

/// <summary>A column of a table, by its header name or by its number from 0; of JSON Lines, a property name.</summary>
public sealed record ColumnReference
{
    private ColumnReference(string? name, int index)
    {
        Name = name;
        Index = index;
    }

    /// <summary>The header name; null for a column given by number.</summary>
    public string? Name { get; }

    /// <summary>The column's number from 0, where there is no name.</summary>
    public int Index { get; }

    /// <summary><see cref="ByName"/>; null stays null.</summary>
    [return: NotNullIfNotNull(nameof(name))]
    public static implicit operator ColumnReference?(string? name) => name is null ? null : ByName(name);

    /// <summary>The column with this header name, or the property of JSON Lines.</summary>
    public static ColumnReference ByName(string name) => new(name, -1);

    /// <summary>The column with this number, from 0.</summary>
    public static ColumnReference ByIndex(int index) => new(null, index);

    /// <summary>Its name, or its number in digits.</summary>
    internal string Label => Name ?? Index.ToString(CultureInfo.InvariantCulture);

    /// <summary>'name' or its number.</summary>
    public override string ToString() => Name is null ? Label : $"'{Name}'";
}
