namespace Engine.Training.Configuration;

/// <summary>
/// Where the keys of a run stand in its file, for complaints that come when model and data are read. Runs that differ in nothing else are
/// equal.
/// </summary>
/// <param name="file">Null for a run that was made in code.</param>
internal readonly struct RunFilePlaces(MapNode? file) : IEquatable<RunFilePlaces>
{
    /// <summary>Whether there is a file.</summary>
    public bool IsFile => file is not null;

    /// <summary>The beginning of a sentence about a dotted key: "run.yaml:3: data.train", or the key alone.</summary>
    public string Of(string key) => file?.Where(key) ?? key;

    /// <inheritdoc/>
    public bool Equals(RunFilePlaces other) => true;

    /// <inheritdoc/>
    public override bool Equals(object? other) => other is RunFilePlaces;

    /// <inheritdoc/>
    public override int GetHashCode() => 0;
}
