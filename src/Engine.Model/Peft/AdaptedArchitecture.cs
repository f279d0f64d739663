using Engine.Model.Architectures;
using Engine.Common.Files;
using Engine.Common.Keys;
using Engine.Safetensors;
using Engine.Tokenizers;

namespace Engine.Model.Peft;

/// <summary>
/// What an adapter makes of a model before it sits on it: an output layer of its own where the adapter unties it, another vocabulary where
/// the adapter was trained with one.
/// </summary>
internal static class AdaptedArchitecture
{
    /// <summary>
    /// The architecture as an adapter's configuration has it. PEFT trains a copy of what it trains in one place of tied embeddings
    /// (<c>modules_to_save</c>, <c>target_modules</c>,
    /// <c>trainable_token_indices</c> that differ), so that the two are one no more; <c>ensure_weight_tying</c> keeps them one.
    /// </summary>
    /// <exception cref="ArgumentException">The model cannot be untied.</exception>
    public static Architecture For(Architecture architecture, AdapterConfig config)
    {
        if (TrainedTokens.TiedOutput(architecture) is not { } output || Untying(architecture, output, config) is not { } reason)
        {
            return architecture;
        }

        if (architecture is not CausalDecoder)
        {
            throw new ArgumentException(
                $"{reason}, which {architecture.Name} uses in two places, as {architecture.InputEmbeddings} and as {output}; "
                + "an adapter that trains a copy in one of them, as PEFT would, is not built for it. "
                + $"Set {Setting.Of("ensure_weight_tying", "true")} to train them as one, leave it out, or train every parameter.");
        }

        return ArchitectureCatalog.Create(architecture.ModelConfig.WithUntiedEmbeddings(), architecture.Head);
    }

    /// <summary>
    /// The architecture as a stored adapter has it: with its vocabulary (<see cref="WithVocabularyOf"/>), untied where its configuration
    /// says so.
    /// </summary>
    /// <exception cref="ModelFileException">The adapter is of another vocabulary, and nothing says which.</exception>
    /// <exception cref="ArgumentException">The model cannot be untied.</exception>
    public static Architecture For(Architecture architecture, AdapterFile file)
    {
        using IDisposable keys = SettingWords.UseKeys();
        return For(WithVocabularyOf(architecture, file), file.Config);
    }

    /// <summary>
    /// The architecture with the vocabulary that an adapter's embeddings are of. Another than the model's is taken where the adapter stores
    /// all that has a row for each token and its folder has the tokenizer: nothing of it is then left to guess.
    /// </summary>
    /// <exception cref="ModelFileException">The adapter is of another vocabulary, and nothing says which.</exception>
    public static Architecture WithVocabularyOf(Architecture architecture, AdapterFile file)
    {
        string? output = TrainedTokens.TiedOutput(architecture);
        (string Name, SafetensorsTensor? Tensor)[] tables =
        [
            .. architecture.Parameters.Where(spec => spec.RowPerToken)
                .Select(spec => (spec.Name, file.SavedParameters.GetValueOrDefault(spec.Name)
                    ?? (output is not null && spec.Name == $"{architecture.InputEmbeddings}.weight"
                        ? file.SavedParameters.GetValueOrDefault($"{output}.weight")
                        : null))),
        ];
        SafetensorsTensor? other = tables.Select(table => table.Tensor).FirstOrDefault(tensor =>
            tensor is { Shape: [> 0 and <= int.MaxValue and var stored, ..] } && stored != architecture.VocabularySize);
        if (other is null)
        {
            return architecture;
        }

        int rows = (int)other.Shape[0];
        string vocabulary = $"{other.Name} has {rows} rows, and the model's vocabulary has {architecture.VocabularySize} tokens: "
            + "the adapter was trained after the embeddings had been resized";
        if (tables.FirstOrDefault(table => table.Tensor is null).Name is { } lacking)
        {
            throw new ModelFileException(
                file.FolderPath,
                $"{vocabulary}, but it does not hold {lacking}, which has a row for each token, too. "
                + "Save the adapter with its embeddings (save_embedding_layers=True in PEFT), or give a model of that vocabulary.");
        }

        if (!TokenizerFolder.Holds(file.FolderPath))
        {
            throw new ModelFileException(
                file.FolderPath,
                $"{vocabulary}. Put the tokenizer it was trained with into the adapter's folder, and the vocabulary is taken from there, "
                    + "or give a model of that vocabulary.");
        }

        int tokens = Tokenizer.Load(file.FolderPath).VocabularySize;
        return tokens <= rows
            ? WithVocabulary(architecture, rows)
            : throw new ModelFileException(
                file.FolderPath,
                $"{vocabulary}; but the tokenizer in the adapter's folder has {tokens} tokens, more than there are rows, "
                    + "so it is not the one it was trained with.");
    }

    /// <summary>
    /// The same with another number of tokens. Parameters of which a checkpoint lacks rows start with the mean of those it has.
    /// </summary>
    public static Architecture WithVocabulary(Architecture architecture, int size) =>
        ArchitectureCatalog.Create(architecture.ModelConfig.WithVocabularySize(size), architecture.Head);

    /// <summary>What unties the embeddings, as the beginning of a sentence; null where nothing does.</summary>
    private static string? Untying(Architecture architecture, string output, AdapterConfig config) => config.EnsureWeightTying ? null
        : SavedModules.Takes(config, architecture.InputEmbeddings) ? $"{Setting.Of("modules_to_save")} takes in "
            + $"{architecture.InputEmbeddings}"
        : SavedModules.Takes(config, output) ? $"{Setting.Of("modules_to_save")} takes in {output}"
        : TargetModules.Names(config.ForModel(architecture.ModelConfig), output) ? $"{Setting.Of("target_modules")} takes in {output}"
        : TrainedTokens.Unties(architecture, config)
            ? $"{Setting.Of("trainable_token_indices")} has tokens of {output} that are not those of {architecture.InputEmbeddings}"
            : null;
}
