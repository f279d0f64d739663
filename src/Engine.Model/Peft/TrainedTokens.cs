using Engine.Common.Keys;
using Engine.Model.Architectures;

namespace Engine.Model.Peft;

/// <summary>Finds the tables of which an adapter trains single rows (<c>trainable_token_indices</c>), as PEFT finds them.</summary>
internal static class TrainedTokens
{
    /// <summary>
    /// The tables in the model with the rows of each. A list is of the input embeddings; tied embeddings are one table with the output
    /// layer, whose rows are then the same.
    /// </summary>
    /// <exception cref="ArgumentException">An entry names no embedding, or a token that is not in the vocabulary.</exception>
    public static IReadOnlyList<TokenTarget> Find(Architecture architecture, AdapterConfig config)
    {
        List<TokenTarget> targets = [];
        string? tiedOutput = TiedOutput(architecture);
        foreach (TokenIndices entry in config.TrainableTokenIndices)
        {
            string[] named = [.. ModulesOf(architecture, entry)];
            if (named.Length == 0)
            {
                throw new ArgumentException(
                    $"{TokenIndices.Key} names '{entry.Module}', but no embedding has that name or ends in it. "
                    + $"Rows of {string.Join(" and ", Tables(architecture))} can be trained.");
            }

            if (entry.Indices.FirstOrDefault(index => index >= architecture.VocabularySize, -1) is >= 0 and var beyond)
            {
                throw new ArgumentException(
                    $"{TokenIndices.Key} names the token {beyond}, and the model's vocabulary has {architecture.VocabularySize} (0 "
                        + $"to {architecture.VocabularySize - 1}). "
                    + $"Where the tokenizer has more, {Setting.Of("resize_token_embeddings", "true")} in a run file gives them rows.");
            }

            foreach (string module in named.Select(module => module == tiedOutput ? architecture.InputEmbeddings : module))
            {
                if (targets.All(target => target.Module != module))
                {
                    targets.Add(
                        new TokenTarget(
                            module, entry.Indices,
                            architecture.HiddenSize)
                        { Alias = module == architecture.InputEmbeddings ? tiedOutput : null });
                }
            }
        }

        return targets;
    }

    /// <summary>Whether a model's tied output layer gets other rows than its input embeddings: PEFT then trains them apart.</summary>
    public static bool Unties(Architecture architecture, AdapterConfig config)
    {
        string? output = TiedOutput(architecture);
        IReadOnlyList<int>? ofInput = IndicesOf(architecture.InputEmbeddings), ofOutput = output is null ? null : IndicesOf(output);
        return ofOutput is not null && ofInput?.SequenceEqual(ofOutput) != true;

        IReadOnlyList<int>? IndicesOf(string module) =>
            config.TrainableTokenIndices.FirstOrDefault(entry => ModulesOf(architecture, entry).Contains(module))?.Indices;
    }

    /// <summary>The module of an output layer that is the input embeddings; null where there is none.</summary>
    public static string? TiedOutput(Architecture architecture) => architecture.Head.NamesTokens() && architecture.OutputModule is null
        ? architecture.Aliases.FirstOrDefault(
            alias => alias.Parameter == $"{architecture.InputEmbeddings}.weight")?.Name[..^".weight".Length]
        : null;

    private static IEnumerable<string> Tables(Architecture architecture)
    {
        string? output = !architecture.Head.NamesTokens() ? null : architecture.OutputModule ?? TiedOutput(architecture);
        return output is null ? [architecture.InputEmbeddings] : [architecture.InputEmbeddings, output];
    }

    private static IEnumerable<string> ModulesOf(Architecture architecture, TokenIndices entry) => entry.Module is null
        ? [architecture.InputEmbeddings]
        : Tables(architecture).Where(table => table.EndsWith(entry.Module, StringComparison.Ordinal));
}
