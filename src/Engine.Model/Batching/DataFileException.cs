using Engine.Common;

namespace Engine.Model.Batching;

/// <summary>
/// A data file that cannot be used. The message names the file and, where there is one, the line and the column, and says what was
/// expected.
/// </summary>
public sealed class DataFileException : Exception, ISettingsError
{
    /// <param name="path">The file.</param>
    /// <param name="problem">What is wrong with it and what was expected, as a sentence.</param>
    public DataFileException(string path, string problem, Exception? innerException = null)
        : base($"{path}: {problem}", innerException)
    {
        Path = path;
    }

    /// <param name="path">The file.</param>
    /// <param name="line">Its line, from 1.</param>
    /// <param name="problem">What is wrong there and what was expected, as a sentence.</param>
    public DataFileException(string path, int line, string problem, Exception? innerException = null)
        : base($"{path}:{line}: {problem}", innerException)
    {
        Path = path;
        Line = line;
    }

    private DataFileException(DataFileException error, string message)
        : base(message, error)
    {
        Path = error.Path;
        Line = error.Line;
        Settings = error.Settings;
        Column = error.Column;
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>The line, counted from 1; null where the whole file is meant.</summary>
    public int? Line { get; }

    /// <summary>The column that was asked for and is not there so, by its name or number; null for another complaint.</summary>
    internal string? Column { get; init; }

    /// <inheritdoc/>
    public IReadOnlyList<string> Settings { get; init; } = [];

    /// <summary>The same complaint with a further sentence.</summary>
    public DataFileException With(string sentence) => new(this, $"{Message} {sentence}");

    /// <summary>The same complaint in other words.</summary>
    internal DataFileException Saying(string message) => new(this, message);
}
