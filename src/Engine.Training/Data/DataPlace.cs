using Engine.Model.Batching;

namespace Engine.Training.Data;

/// <summary>What the number of a place counts.</summary>
internal enum PlaceKind
{
    /// <summary>Lines of a file, from 1.</summary>
    Line,

    /// <summary>Rows of a file without lines, from 1.</summary>
    Row,

    /// <summary>Entries of what a program has in memory, from 0.</summary>
    Item,
}

/// <summary>Where something stands in a data file, or in what a program gave, for messages.</summary>
/// <param name="Path">The file, or what the program calls its examples.</param>
/// <param name="Number">The line it starts on, or its row or entry.</param>
/// <param name="Kind">Which of these.</param>
internal readonly record struct DataPlace(string Path, int Number, PlaceKind Kind = PlaceKind.Line)
{
    /// <summary>A complaint about what stands here.</summary>
    /// <param name="column">The column that is missing; null where something else is wrong.</param>
    public DataFileException Wrong(string problem, Exception? innerException = null, string? column = null) => Kind switch
    {
        PlaceKind.Line when ExampleNames.Find(Path) is null =>
            new DataFileException(Path, Number, problem, innerException) { Column = column },
        PlaceKind.Row => new DataFileException(Path, $"row {Number}: {problem}", innerException) { Column = column },
        _ => new DataFileException(ToString(), problem, innerException) { Column = column },
    };

    /// <summary>"line 3 of train.tsv", "row 3 of train.parquet" or "examples[2]".</summary>
    public override string ToString() => Kind switch
    {
        PlaceKind.Line when ExampleNames.Find(Path) is { } name => $"{name}[{Number - 1}]",
        PlaceKind.Line => $"line {Number} of {Path}",
        PlaceKind.Row => $"row {Number} of {Path}",
        _ => $"{Path}[{Number}]",
    };
}
