namespace Engine.Training.Data.Formats.Columnar;

/// <summary>A column of a file that lies there column by column.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Unread">What it holds, in words, where that is nothing that a text, a label or a record is made of; else null.</param>
internal readonly record struct FileColumn(string Name, string? Unread);

/// <summary>
/// An open file of columns. Values are null, <see cref="bool"/>, <see cref="long"/>, <see cref="ulong"/>, <see cref="float"/>, <see
/// cref="double"/>, <see cref="string"/>, lists of values (<c>object?[]</c>) and structs (<c>KeyValuePair&lt;string, object?&gt;[]</c>).
/// </summary>
internal abstract class ColumnarFile : IDisposable
{
    /// <summary>The columns in the file's order.</summary>
    public abstract IReadOnlyList<FileColumn> Columns { get; }

    /// <summary>What Hugging Face datasets wrote of the columns into the file; null where they wrote nothing.</summary>
    public abstract string? HuggingFace { get; }

    /// <summary>The rows, read a group at a time: the values of these columns, in an array that the next row reuses.</summary>
    /// <param name="columns">Places in <see cref="Columns"/> of columns that are read.</param>
    public abstract IEnumerable<object?[]> Rows(IReadOnlyList<int> columns);

    public abstract void Dispose();
}
