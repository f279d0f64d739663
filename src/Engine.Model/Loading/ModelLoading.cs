using Engine.Model.Architectures;
using Engine.Common.Files;
using Engine.Common.Keys;
using Engine.Model.Execution;
using Engine.Model.Peft;
using Engine.Safetensors;

namespace Engine.Model.Loading;

/// <summary>Loads a folder's weights into a model and says in words what was not simply loaded.</summary>
internal static class ModelLoading
{
    private const int Shown = 4;

    private static readonly string[] Computed =
        [".position_ids", ".token_type_ids", ".rotary_emb.inv_freq", ".attn.bias", ".attn.masked_bias"];

    /// <summary>Draws every parameter from <paramref name="seed"/>; weights that the folder holds are not read.</summary>
    public static IReadOnlyList<string> StartFromScratch(TransformerModel model, ModelFolder folder, ulong seed)
    {
        ModelWeights.InitializeAll(model, seed);
        string beside = folder.HasWeights ? $"; the weights in {folder.FolderPath} are not read" : string.Empty;
        return [$"Every parameter starts from seed {seed} ({Setting.Of("from_scratch")}){beside}."];
    }

    /// <summary>Loads the weights.</summary>
    /// <param name="seed">What parameters of the head that the files lack are drawn from; null: nothing may be drawn, every parameter must
    /// be there.</param>
    /// <param name="replacedLater">Parameters that something else is loaded over, so that nothing need be said of them.</param>
    /// <exception cref="ModelFileException">There are no weights, a parameter is in no file and may not be drawn, or the files are
    /// broken.</exception>
    public static IReadOnlyList<string> LoadWeights(
        TransformerModel model, ModelFolder folder, ulong? seed, IEnumerable<string>? replacedLater = null)
    {
        using Checkpoint checkpoint = folder.OpenWeights();
        LoadReport report = ModelWeights.Load(model, checkpoint, seed ?? 0);
        HeadKind head = model.Architecture.Head;
        List<string> notes = head.NamesTokens() || head.MakesVectors() ? [] : [.. folder.Config.Labels.Notes];
        HashSet<string> replaced = [.. replacedLater ?? []];
        string[] initialized = [.. report.Initialized.Where(name => !replaced.Contains(name))];
        if (initialized.Length > 0 && seed is null)
        {
            throw new ModelFileException(
                folder.FolderPath,
                $"the weights of {model.Architecture.Name} are not complete: {List(initialized)} would be random. "
                + "The folder is that of a pretrained model or of another task; train it for this one first, "
                + "or give the adapter that holds its head.");
        }

        if (initialized.Length > 0)
        {
            notes.Add($"Not in the checkpoint, initialised from seed {seed}: {List(initialized)}.");
        }

        if (model.Architecture.ModelConfig.StoredVocabularySize is { } stored
            && !replaced.Contains($"{model.Architecture.InputEmbeddings}.weight"))
        {
            int rows = model.Architecture.VocabularySize;
            notes.Add(rows > stored
                ? $"The vocabulary grows from {stored} to {rows} tokens; the new ones start as the mean of the others."
                : $"The vocabulary shrinks from {stored} to {rows} tokens.");
        }

        // Whatever head a checkpoint has, sentence vectors are made without it, and one that is loaded over it takes its place.
        bool isHeadReplaced = replaced.Any(name => !IsOfBody(name));
        string[] unused = head.MakesVectors()
            ? []
            : [.. report.Unused.Where(name => !IsComputed(name) && (!isHeadReplaced || IsOfBody(name)))];
        if (unused.Length > 0)
        {
            notes.Add($"In the checkpoint, not used by {model.Architecture.Name}: {List(unused)}.");
        }

        return notes;

        bool IsOfBody(string name) => name.StartsWith(model.Architecture.BasePrefix, StringComparison.Ordinal);
    }

    /// <summary>What an adapter left open, in words.</summary>
    public static IReadOnlyList<string> Notes(AdapterBinding binding)
    {
        List<string> notes = [];
        if (binding.UnknownKeys.Count > 0)
        {
            notes.Add($"{AdapterConfig.FileName} has keys that are not known here, taken as without effect: {List(binding.UnknownKeys)}.");
        }

        if (binding.IdleEntries.Count > 0)
        {
            string more = binding.IdleEntries.Count > Shown ? $"; and {binding.IdleEntries.Count - Shown} more" : "";
            notes.Add(
                $"{AdapterConfig.FileName} has entries without effect "
                    + $"on this model: {string.Join("; ", binding.IdleEntries.Take(Shown))}{more}.");
        }

        if (binding.RenamedPrefix is var (from, to))
        {
            notes.Add($"The adapter's modules begin with '{from}' where the model's begin with '{to}'; taken as the same.");
        }

        if (binding.Missing.Count > 0)
        {
            notes.Add($"Not in the adapter, left as the model has it: {List(binding.Missing)}.");
        }

        if (binding.Unused.Count > 0)
        {
            notes.Add($"In the adapter, without a place in the model: {List(binding.Unused)}.");
        }

        return notes;
    }

    /// <summary>
    /// Tables that earlier versions of Transformers saved although they follow from the configuration: nothing is lost with them.
    /// </summary>
    private static bool IsComputed(string name) => Computed.Any(end => name.EndsWith(end, StringComparison.Ordinal));

    private static string List(IReadOnlyList<string> names) =>
        string.Join(", ", names.Take(Shown)) + (names.Count > Shown ? $" and {names.Count - Shown} more" : string.Empty);
}
