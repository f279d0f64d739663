namespace Engine.Training.Data;

/// <summary>One row of a data file.</summary>
/// <param name="Text">The text, or the first of a pair.</param>
/// <param name="TextPair">The second text of a pair; null without one.</param>
/// <param name="Label">The label as written, without white space around it; a JSON number in its shortest form. Null where no label column
/// is read.</param>
/// <param name="Row">The row's number from 0 in the order of the set, header and blank lines not counted.</param>
/// <param name="Place">Where it stands, for messages.</param>
internal sealed record Example(string Text, string? TextPair, string? Label, int Row, DataPlace Place)
{
    /// <summary>All columns of the row; null where they were not asked for, or the file holds texts alone.</summary>
    public IReadOnlyList<ColumnValue>? Columns { get; init; }

    /// <summary>The words of a text that is labelled word by word; <see cref="Text"/> has them with blanks between.</summary>
    public IReadOnlyList<string>? Words { get; init; }

    /// <summary>A list of labels in place of <see cref="Label"/>: of the words, or of the text; null for other tasks, or where none are
    /// read.</summary>
    public IReadOnlyList<string>? Labels { get; init; }

    /// <summary>Texts that do not belong to <see cref="Text"/>; null where none are read.</summary>
    public IReadOnlyList<string>? Negatives { get; init; }

    /// <summary>
    /// What may follow <see cref="Text"/>; <see cref="TextPair"/> has them a line each. Null for other tasks.
    /// </summary>
    public IReadOnlyList<string>? Choices { get; init; }

    /// <summary>
    /// What answers the question <see cref="Text"/> in the context <see cref="TextPair"/>, none for a question that it does not answer;
    /// null for other tasks, or where no answers are read.
    /// </summary>
    public IReadOnlyList<Answer>? Answers { get; init; }
}

/// <summary>A column of a row as its file has it.</summary>
/// <param name="Name">Its name; where the file names none, its number from 0.</param>
/// <param name="Value">Its text, or JSON as it was written.</param>
/// <param name="IsJson">Whether it is JSON: null, a number, a truth value, a list or an object.</param>
internal readonly record struct ColumnValue(string Name, string Value, bool IsJson = false);

/// <summary>The rows of a data set in their order.</summary>
/// <param name="Files">The files, for messages.</param>
/// <param name="Examples">Its rows; never empty.</param>
internal sealed record ExampleSet(DataFiles Files, IReadOnlyList<Example> Examples)
{
    public int Count => Examples.Count;

    /// <summary>Rows that a program has in memory.</summary>
    /// <param name="name">What messages call them; a row is its number in them, from 0: examples[2].</param>
    public static ExampleSet InMemory(string name, IEnumerable<(string Text, string? TextPair, string? Label)> rows) =>
        new(name, [.. rows.Select((row, i) => new Example(row.Text, row.TextPair, row.Label, i, new DataPlace(name, i, PlaceKind.Item)))]);

    /// <summary>The names of the classes in the order of their numbers, where the files themselves say it; else null.</summary>
    public IReadOnlyList<string>? ClassNames { get; init; }
}
