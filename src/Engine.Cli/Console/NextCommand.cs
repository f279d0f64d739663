using Engine.Training.Configuration;
using Engine.Training.Data;
using Engine.Training.Running;

namespace Engine.Cli.Console;

/// <summary>What to type to use what a run has made.</summary>
internal static class NextCommand
{
    private const int LongestText = 12;

    /// <summary>The command, its paths as seen from the working directory; null where no command answers texts with such a model.</summary>
    /// <param name="run">A run that is finished; what its data settled is read from its folder.</param>
    public static string? Of(RunConfiguration run)
    {
        string folder = ShellWord.Quoted(Shown(run.Output));
        return run.Task switch
        {
            TaskKind.MaskedLanguageModel => null,
            TaskKind.CausalLanguageModel when HasTemplate(run) => $"{Invocation.Program} chat {folder}",
            TaskKind.CausalLanguageModel => $"{Invocation.Program} generate {folder} --prompt \"Once upon a time\"",
            TaskKind.SentenceSimilarity => $"{Invocation.Program} embed {folder} {ShellWord.Quoted(Sample(run))}",
            _ when run.Data.IsPrebatched => null,
            _ when run.Data.TextPair is not null =>
                $"{Invocation.Program} predict {folder} --file {ShellWord.Quoted(Shown(HeldOut(run).Paths[0]))}",
            _ => $"{Invocation.Program} predict {folder} {ShellWord.Quoted(Sample(run))}",
        };
    }

    private static bool HasTemplate(RunConfiguration run) =>
        TrainedModel.Resolve(run.Output).Run?.ChatTemplate is not (null or ChatTemplateChoice.None);

    private static DataFiles HeldOut(RunConfiguration run) => run.Data.Validation ?? run.Data.Train;

    /// <summary>The first words of the first text that the run did not learn from, or else of those it did.</summary>
    private static string Sample(RunConfiguration run)
    {
        string text = ExampleReader.Enumerate(HeldOut(run), run.Data.ReaderOptions(run.Task)).First().Text;
        IEnumerable<string> words = text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Take(LongestText);

        // A text that begins with a dash would be read as an option.
        string start = string.Join(' ', words).TrimStart('-', ' ');
        return start.Length > 0 ? start : "A text";
    }

    private static string Shown(string path)
    {
        string relative = Path.GetRelativePath(Environment.CurrentDirectory, path);
        return relative.StartsWith("..", StringComparison.Ordinal) ? path : relative;
    }
}
