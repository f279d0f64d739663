using Microsoft.Extensions.Logging;

namespace Engine.FineTuning;

/// <summary>What a user should know of a model that was opened, as log messages.</summary>
internal static partial class ModelLog
{
    /// <param name="logger">Null: nobody is told.</param>
    public static void Notes(ILogger? logger, IReadOnlyList<string> notes)
    {
        foreach (string note in logger is null ? [] : notes)
        {
            Note(logger!, note);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Note}")]
    private static partial void Note(ILogger logger, string note);
}
