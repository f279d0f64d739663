using Engine.Common.Keys;

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
    public string Of(string key) => file?.Where(key) ?? $"{Setting.Of(key)}";

    /// <summary>"run.yaml:3: data.text" where the file itself gives the key this value; null where it does not.</summary>
    public string? Find(string key, string value) => file?.Value(key) is ScalarNode node && node.Text == value ? node.At(key) : null;

    /// <inheritdoc/>
    public bool Equals(RunFilePlaces other) => true;

    /// <inheritdoc/>
    public override bool Equals(object? other) => other is RunFilePlaces;

    /// <inheritdoc/>
    public override int GetHashCode() => 0;
}
