namespace Engine.Common;

/// <summary>
/// A setting that cannot be used: an unknown or missing key, a wrong type, a value out of range. The message names where it was given and
/// what was expected.
/// </summary>
public sealed class ConfigurationException : Exception, ISettingsError
{
    /// <param name="message">A sentence: where, what was given, what was expected.</param>
    public ConfigurationException(string message)
        : base(message)
    {
    }

    /// <param name="message">A sentence: where, what was given, what was expected.</param>
    /// <param name="innerException">What told of it.</param>
    public ConfigurationException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> Settings { get; init; } = [];

    /// <summary>
    /// Where a key is not known, what a list of keys would be asked for: the section in which it stands, the training method whose key it
    /// would be, or nothing (an empty text) for the run file itself. Null for any other error.
    /// </summary>
    public string? UnknownIn { get; init; }
}
