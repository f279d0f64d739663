using Engine.Common;
using Engine.Common.Files;
using Engine.Devices;
using Engine.Model.Batching;

namespace Engine.Training.Running;

/// <summary>What went wrong, as a sentence for whoever gave the files and settings.</summary>
public static class ErrorSentence
{
    /// <summary>
    /// Whether an exception's message is written for whoever gave the files and settings; any other exception is a fault of the program.
    /// </summary>
    public static bool IsForUser(Exception exception) =>
        exception is TrainingException { StoppedBy: { } cause } ? IsForUser(cause) : exception
            is ModelFileException or DataFileException or ConfigurationException or TrainingException or DeviceException
            or ArgumentException or InvalidDataException or IOException or UnauthorizedAccessException or OutOfMemoryException;

    /// <summary>The message with a full stop, without what the runtime appends for programmers.</summary>
    public static string Of(Exception exception)
    {
        string message = WithoutParameter(exception);
        return message.Length > 0 && char.IsLetterOrDigit(message[^1]) ? message + "." : message;
    }

    /// <summary>The message without the name of a parameter that the runtime appends.</summary>
    internal static string WithoutParameter(Exception exception)
    {
        string message = exception.Message;
        int suffix = exception is ArgumentException { ParamName: { } name }
            ? message.IndexOf($" (Parameter '{name}')", StringComparison.Ordinal)
            : -1;
        return suffix < 0 ? message : message[..suffix];
    }
}
