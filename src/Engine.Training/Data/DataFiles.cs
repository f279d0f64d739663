namespace Engine.Training.Data;

/// <summary>The files of a data set, read one after another as if they were one.</summary>
public sealed record DataFiles
{
    /// <exception cref="ArgumentException">There is none.</exception>
    public DataFiles(IEnumerable<string> paths)
    {
        Paths = [.. paths];
        if (Paths.Count == 0)
        {
            throw new ArgumentException("A data set needs at least one file.", nameof(paths));
        }
    }

    /// <summary>Never empty.</summary>
    public IReadOnlyList<string> Paths { get; }

    /// <summary>A data set of one file.</summary>
    public static implicit operator DataFiles(string path) => new([path]);

    /// <inheritdoc/>
    public bool Equals(DataFiles? other) => other is not null && Paths.SequenceEqual(other.Paths);

    /// <inheritdoc/>
    public override int GetHashCode() => Paths.Aggregate(0, HashCode.Combine);

    /// <summary>The files, for messages.</summary>
    public override string ToString() => string.Join(", ", Paths.Select(path => ExampleNames.Find(path) ?? path));
}
