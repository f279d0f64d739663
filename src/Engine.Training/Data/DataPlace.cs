using Engine.Model.Batching;

namespace Engine.Training.Data;

/// <summary>Where something stands in a data file, for messages.</summary>
/// <param name="Path">The file.</param>
/// <param name="Number">The line it starts on, counted from 1; in a file without lines the number of its row, from 1.</param>
/// <param name="IsRow">Whether it is the number of a row.</param>
internal readonly record struct DataPlace(string Path, int Number, bool IsRow = false)
{
    /// <summary>A complaint about what stands here.</summary>
    public DataFileException Wrong(string problem, Exception? innerException = null) => IsRow
        ? new DataFileException(Path, $"row {Number}: {problem}", innerException)
        : new DataFileException(Path, Number, problem, innerException);

    /// <summary>"line 3 of train.tsv" or "row 3 of train.parquet".</summary>
    public override string ToString() => $"{(IsRow ? "row" : "line")} {Number} of {Path}";
}
