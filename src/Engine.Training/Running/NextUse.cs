using Engine.Training.Configuration;
using Engine.Training.Data;

namespace Engine.Training.Running;

/// <summary>What a trained model can be asked for.</summary>
public enum ModelUse
{
    /// <summary>Answers in a conversation.</summary>
    Chat,

    /// <summary>Going on with a text.</summary>
    Generate,

    /// <summary>Labels, a number, words or answers.</summary>
    Predict,

    /// <summary>A vector.</summary>
    Embed,
}

/// <summary>What to try with a model that a run has made.</summary>
/// <param name="Use">What it is asked for.</param>
/// <param name="Text">A text to ask with; null where one is made up in a chat, or a file serves.</param>
/// <param name="File">A file of texts, where one text is not enough; else null.</param>
public sealed record NextUse(ModelUse Use, string? Text, string? File)
{
    private const int LongestText = 12;

    /// <summary>
    /// What a finished run's model answers first: a classifier the first words of the first text that it did not learn from, or, of pairs,
    /// their file; a language model a chat where it learned a template. Null where it answers no texts.
    /// </summary>
    /// <param name="run">A run that is finished; what its data settled is read from its folder.</param>
    public static NextUse? Of(RunConfiguration run) => run.Task switch
    {
        TaskKind.MaskedLanguageModel => null,
        TaskKind.CausalLanguageModel when HasTemplate(run) => new(ModelUse.Chat, null, null),
        TaskKind.CausalLanguageModel => new(ModelUse.Generate, "Once upon a time", null),
        TaskKind.SentenceSimilarity => new(ModelUse.Embed, Sample(run), null),
        _ when run.Data.IsPrebatched => null,
        _ when run.Data.TextPair is not null => new(ModelUse.Predict, null, HeldOut(run).Paths[0]),
        _ => new(ModelUse.Predict, Sample(run), null),
    };

    private static bool HasTemplate(RunConfiguration run) =>
        TrainedModel.Resolve(run.Output).Run?.ChatTemplate is not (null or ChatTemplateChoice.None);

    private static DataFiles HeldOut(RunConfiguration run) => run.Data.Validation ?? run.Data.Train;

    /// <summary>The first words of the first text that the run did not learn from, or else of those it did.</summary>
    private static string Sample(RunConfiguration run)
    {
        string text = ExampleReader.Enumerate(HeldOut(run), run.Data.ReaderOptions(run.Task)).First().Text;
        IEnumerable<string> words = text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Take(LongestText);
        return string.Join(' ', words);
    }
}
