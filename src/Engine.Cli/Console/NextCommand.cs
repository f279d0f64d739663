using Engine.Training.Configuration;
using Engine.Training.Running;

namespace Engine.Cli.Console;

/// <summary>What to type to use what a run has made.</summary>
internal static class NextCommand
{
    /// <summary>The command, its paths as seen from the working directory; null where no command answers texts with such a model.</summary>
    /// <param name="run">A run that is finished.</param>
    public static string? Of(RunConfiguration run) => NextUse.Of(run) is { } next
        ? $"{Invocation.Program} {Words(next, ShellWord.Quoted(Shown(run.Output)))}"
        : null;

    private static string Words(NextUse next, string folder) => next switch
    {
        { Use: ModelUse.Chat } => $"chat {folder}",
        { Use: ModelUse.Generate } => $"generate {folder} --prompt {ShellWord.Quoted(Text(next))}",
        { Use: ModelUse.Embed } => $"embed {folder} {ShellWord.Quoted(Text(next))}",
        { File: { } file } => $"predict {folder} --file {ShellWord.Quoted(Shown(file))}",
        _ => $"predict {folder} {ShellWord.Quoted(Text(next))}",
    };

    /// <summary>The text; one that begins with a dash would be read as an option.</summary>
    private static string Text(NextUse next) => next.Text?.TrimStart('-', ' ') is { Length: > 0 } text ? text : "A text";

    private static string Shown(string path)
    {
        string relative = Path.GetRelativePath(Environment.CurrentDirectory, path);
        return relative.StartsWith("..", StringComparison.Ordinal) ? path : relative;
    }
}
