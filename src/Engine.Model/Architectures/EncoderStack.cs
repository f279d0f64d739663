using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Kernels;
using Engine.Model.Building;
using Engine.Model.HuggingFace;

namespace Engine.Model.Architectures;

/// <summary>
/// The encoder that every <see cref="EncoderFamily"/> has: summed embeddings, then layers of self-attention and feed-forward, each followed
/// by dropout, the residual sum and layer normalization (post-norm; Devlin et al. 2019, arXiv 1810.04805).
/// </summary>
internal sealed class EncoderStack(EncoderConfig config)
{
    private readonly EncoderModules modules = config.Family.Modules;
    private readonly string embeddings = $"{config.Family.Prefix}embeddings";

    /// <summary>The encoder's parameters in Transformers' definition order.</summary>
    public IEnumerable<ParameterSpec> Parameters()
    {
        int hidden = config.HiddenSize;
        yield return ParameterSpec.Weight(config.WordEmbeddings, config.VocabSize, hidden) with { RowPerToken = true };
        yield return ParameterSpec.Weight($"{embeddings}.position_embeddings", config.MaxPositionEmbeddings, hidden);
        if (config.TypeVocabSize > 0)
        {
            yield return ParameterSpec.Weight($"{embeddings}.token_type_embeddings", config.TypeVocabSize, hidden);
        }

        foreach (ParameterSpec spec in ParameterSpec.LayerNorm($"{embeddings}.LayerNorm", hidden))
        {
            yield return spec;
        }

        for (int layer = 0; layer < config.NumHiddenLayers; layer++)
        {
            foreach (LinearSpec linear in LayerLinears(layer).SelectMany(group => group))
            {
                foreach (ParameterSpec spec in ParameterSpec.Linear(linear))
                {
                    yield return spec;
                }

                if (NormAfter(linear.Module, Path(layer)) is { } norm)
                {
                    foreach (ParameterSpec spec in ParameterSpec.LayerNorm(norm, hidden))
                    {
                        yield return spec;
                    }
                }
            }
        }

        if (RelativeBias is { } bias)
        {
            yield return ParameterSpec.Weight(bias, config.RelativeBuckets, config.NumAttentionHeads);
        }
    }

    /// <summary>The buckets of distances of a family with a bias, as Transformers has them; empty for another.</summary>
    public IReadOnlyList<int> RelativeBuckets => modules.RelativeBias is null
        ? []
        : RelativeBiases.Buckets(config.MaxTokens, EncoderConfig.ReadBuckets, maxDistance: 128, bidirectional: true);

    /// <summary>The encoder's linear layers, those with one input together.</summary>
    public IEnumerable<IReadOnlyList<LinearSpec>> LinearGroups() => Enumerable.Range(0, config.NumHiddenLayers).SelectMany(LayerLinears);

    /// <summary>Adds the encoder to the graph; returns the last hidden state [tokens, hidden].</summary>
    public Tensor Build(ForwardBuilder forward)
    {
        bool hasTypes = config.TypeVocabSize > 0;
        Tensor x = forward.Graph.Embedding(
            forward.Parameter($"{config.WordEmbeddings}.weight"),
            forward.Batch.InputIds,
            forward.Parameter($"{embeddings}.position_embeddings.weight"),
            forward.Batch.Positions,
            hasTypes ? forward.Parameter($"{embeddings}.token_type_embeddings.weight") : null,
            hasTypes ? forward.Batch.TypeIds : null,
            config.PadTokenId,
            config.Family.CountsFromPadding ? config.PadTokenId : -1,
            forward.TrainedEmbeddings);
        x = forward.LayerNorm(x, $"{embeddings}.LayerNorm", config.LayerNormEps);
        x = forward.Dropout(x, config.HiddenDropoutProb);
        forward.HiddenState(x);
        var scores = new AttentionScores { Bias = RelativeBias is { } bias ? forward.RelativeBias(bias) : null };
        for (int layer = 0; layer < config.NumHiddenLayers; layer++)
        {
            x = Layer(forward, x, Path(layer), scores);
            forward.HiddenState(x);
        }

        return x;
    }

    private string? RelativeBias => modules.RelativeBias is { } module ? $"{config.Family.Prefix}{module}" : null;

    private string Path(int layer) => $"{config.Family.Prefix}{modules.Layers}.{layer}";

    private string? NormAfter(string module, string path) =>
        module == $"{path}.{modules.AttentionOutput}" ? $"{path}.{modules.AttentionNorm}"
        : module == $"{path}.{modules.Outer}" ? $"{path}.{modules.OuterNorm}"
        : null;

    private IReadOnlyList<LinearSpec>[] LayerLinears(int layer)
    {
        int hidden = config.HiddenSize;
        string path = Path(layer);
        return
        [
            [
                new($"{path}.{modules.Query}", hidden, hidden),
                new($"{path}.{modules.Key}", hidden, hidden),
                new($"{path}.{modules.Value}", hidden, hidden),
            ],
            [new($"{path}.{modules.AttentionOutput}", hidden, hidden)],
            [new($"{path}.{modules.Inner}", config.IntermediateSize, hidden)],
            [new($"{path}.{modules.Outer}", hidden, config.IntermediateSize)],
        ];
    }

    private Tensor Layer(ForwardBuilder forward, Tensor x, string path, AttentionScores scores)
    {
        GraphBuilder graph = forward.Graph;
        Tensor[] projections = forward.Linears(x, $"{path}.{modules.Query}", $"{path}.{modules.Key}", $"{path}.{modules.Value}");
        Tensor attended = forward.Attention(
            projections[0], projections[1], projections[2], config.NumAttentionHeads, config.AttentionProbsDropoutProb, scores);
        Tensor projected = forward.Linear(attended, $"{path}.{modules.AttentionOutput}");
        projected = modules.DropsAttentionOutput ? forward.Dropout(projected, config.HiddenDropoutProb) : projected;
        x = forward.LayerNorm(graph.Add(projected, x), $"{path}.{modules.AttentionNorm}", config.LayerNormEps);
        Tensor inner = graph.Activate(forward.Linear(x, $"{path}.{modules.Inner}"), config.Activation);
        Tensor outer = forward.Dropout(forward.Linear(inner, $"{path}.{modules.Outer}"), config.HiddenDropoutProb);
        return forward.LayerNorm(graph.Add(outer, x), $"{path}.{modules.OuterNorm}", config.LayerNormEps);
    }
}
