namespace Engine.Training.Data;

/// <summary>One row of a data file.</summary>
/// <param name="Text">The text, or the first of a pair.</param>
/// <param name="TextPair">The second text of a pair; null without one.</param>
/// <param name="Label">The label as written; a JSON number in its shortest form. Null where no label column is read.</param>
/// <param name="Row">The row's number from 0 in the file's order, header and blank lines not counted.</param>
/// <param name="Line">The line it starts on, from 1, for messages.</param>
public sealed record Example(string Text, string? TextPair, string? Label, int Row, int Line);

/// <summary>The rows of one data file in their order.</summary>
/// <param name="Path">The file, for messages.</param>
/// <param name="Examples">Its rows; never empty.</param>
public sealed record ExampleSet(string Path, IReadOnlyList<Example> Examples)
{
    public int Count => Examples.Count;
}
