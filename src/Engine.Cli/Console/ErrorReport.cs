using Engine.Common;
using Engine.Devices;
using Engine.Model.Batching;
using Engine.Common.Files;
using Engine.Optim;
using Engine.Training.Running;

namespace Engine.Cli.Console;

/// <summary>Turns an exception into a sentence for the person at the terminal.</summary>
internal static class ErrorReport
{
    /// <summary>Writes the error and returns the process's exit code.</summary>
    /// <param name="verbose">Also where it arose.</param>
    public static int Write(Exception exception, TextWriter error, bool verbose)
    {
        if (exception is OperationCanceledException)
        {
            error.WriteLine("Interrupted.");
            return ExitCode.Interrupted;
        }

        error.WriteLine(IsForUser(exception)
            ? $"error: {Sentence(exception)}"
            : exception is TrainingException ? $"error: the program itself failed. {exception.Message}"
            : $"error: the program itself failed: {exception.GetType().Name}: {exception.Message}");
        if (verbose || !IsForUser(exception))
        {
            error.WriteLine(exception);
        }

        return ExitCode.Failure;
    }

    /// <summary>Whether the message is written for whoever gave the files and settings; anything else is a fault of this program.</summary>
    public static bool IsForUser(Exception exception) => exception is TrainingException { StoppedBy: { } cause } ? IsForUser(cause) : exception
        is ModelFileException or DataFileException or ConfigurationException or TrainingException or DeviceException
        or ArgumentException or InvalidDataException or IOException or UnauthorizedAccessException or OutOfMemoryException;

    /// <summary>What went wrong, as a sentence.</summary>
    public static string Sentence(Exception exception)
    {
        string message = exception.Message;
        if (exception is ArgumentException { ParamName: { } name })
        {
            // What the runtime appends is for programmers.
            int suffix = message.IndexOf($" (Parameter '{name}')", StringComparison.Ordinal);
            message = suffix < 0 ? message : message[..suffix];
        }

        return message.Length > 0 && char.IsLetterOrDigit(message[^1]) ? message + "." : message;
    }
}
