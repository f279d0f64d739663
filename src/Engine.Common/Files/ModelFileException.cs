namespace Engine.Common.Files;

/// <summary>
/// A model, configuration or adapter file that is missing or does not hold what it should; the message starts with the file's path.
/// </summary>
public sealed class ModelFileException : Exception, ISettingsError
{
    /// <param name="path">The file or folder at fault, which the message starts with.</param>
    /// <param name="problem">A sentence: what is wrong, what was expected.</param>
    /// <param name="innerException">What told of it.</param>
    public ModelFileException(string path, string problem, Exception? innerException = null)
        : base($"{path}: {problem}", innerException)
    {
        FilePath = path;
    }

    private ModelFileException(ModelFileException error, string message)
        : base(message, error)
    {
        FilePath = error.FilePath;
        Settings = error.Settings;
    }

    /// <summary>The file or folder at fault.</summary>
    public string FilePath { get; }

    /// <inheritdoc/>
    public IReadOnlyList<string> Settings { get; init; } = [];

    /// <summary>The same complaint in other words.</summary>
    internal ModelFileException Saying(string message) => new(this, message);
}
