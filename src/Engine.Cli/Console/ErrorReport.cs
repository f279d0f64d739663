using System.CommandLine;
using Engine.Common;
using Engine.Training.Running;

namespace Engine.Cli.Console;

/// <summary>Turns an exception into a sentence for the person at the terminal.</summary>
internal static class ErrorReport
{
    /// <summary>Writes the error and returns the process's exit code.</summary>
    /// <param name="command">The command that failed, whose options may mend the error.</param>
    /// <param name="verbose">Also where it arose.</param>
    public static int Write(Exception exception, Command command, TextWriter error, bool verbose)
    {
        if (exception is OperationCanceledException)
        {
            error.WriteLine("Interrupted.");
            return ExitCode.Interrupted;
        }

        bool isForUser = ErrorSentence.IsForUser(exception);
        error.WriteLine(isForUser
            ? $"error: {ErrorSentence.Of(exception)}{Options(exception, command)}{Keys(exception)}"
            : exception is TrainingException ? $"error: the program itself failed. {exception.Message}"
            : $"error: the program itself failed: {exception.GetType().Name}: {exception.Message}");
        if (verbose || !isForUser)
        {
            error.WriteLine(exception);
        }

        return ExitCode.Failure;
    }

    /// <summary>The command's options for the settings that mend an error, as a sentence of their own; empty for none.</summary>
    private static string Options(Exception exception, Command command)
    {
        IEnumerable<string> settings = exception is ISettingsError error ? error.Settings : [];
        string[] options = [.. settings.Select(CommonOptions.NameOf).Intersect(command.Options.Select(option => option.Name))];
        return options.Length == 0 ? "" : $" Here: {string.Join(", ", options)}.";
    }

    /// <summary>The command that lists the keys among which one was looked for in vain, as a sentence of its own; empty for none.</summary>
    private static string Keys(Exception exception) => exception is ConfigurationException { UnknownIn: { } section }
        ? $" '{Invocation.Program} keys{(section.Length == 0 ? "" : " ")}{section}' lists the keys."
        : "";
}
