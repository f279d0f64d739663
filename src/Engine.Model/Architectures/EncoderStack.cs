using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Kernels;
using Engine.Model.Building;
using Engine.Model.HuggingFace;

namespace Engine.Model.Architectures;

/// <summary>
/// The encoder RoBERTa and BERT share: summed embeddings, then layers of self-attention and feed-forward, each followed by
/// dropout, the residual sum and layer normalization (post-norm; Devlin et al. 2019, arXiv 1810.04805).
/// </summary>
internal sealed class EncoderStack(EncoderConfig config, string prefix)
{
    /// <summary>The word embeddings' module.</summary>
    public string Embeddings => $"{prefix}embeddings.word_embeddings";

    /// <summary>What <c>hidden_act</c> names.</summary>
    public ActivationKind Activation { get; } = config.HiddenActivation == HiddenActivation.Gelu
        ? ActivationKind.GeluErf
        : ActivationKind.GeluTanh;

    /// <summary>The encoder's parameters in Transformers' definition order.</summary>
    public IEnumerable<ParameterSpec> Parameters()
    {
        int hidden = config.HiddenSize;
        yield return ParameterSpec.Weight(Embeddings, config.VocabSize, hidden) with { RowPerToken = true };
        yield return ParameterSpec.Weight($"{prefix}embeddings.position_embeddings", config.MaxPositionEmbeddings, hidden);
        yield return ParameterSpec.Weight($"{prefix}embeddings.token_type_embeddings", config.TypeVocabSize, hidden);
        foreach (ParameterSpec spec in ParameterSpec.LayerNorm($"{prefix}embeddings.LayerNorm", hidden))
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

                if (linear.Module.EndsWith("output.dense", StringComparison.Ordinal))
                {
                    foreach (ParameterSpec spec in ParameterSpec.LayerNorm(linear.Module[..^"dense".Length] + "LayerNorm", hidden))
                    {
                        yield return spec;
                    }
                }
            }
        }
    }

    /// <summary>The encoder's linear layers, those with one input together.</summary>
    public IEnumerable<IReadOnlyList<LinearSpec>> LinearGroups() => Enumerable.Range(0, config.NumHiddenLayers).SelectMany(LayerLinears);

    /// <summary>Adds the encoder to the graph; returns the last hidden state [tokens, hidden].</summary>
    public Tensor Build(ForwardBuilder forward, int positionPaddingId)
    {
        Tensor x = forward.Graph.Embedding(
            forward.Parameter($"{Embeddings}.weight"),
            forward.Batch.InputIds,
            forward.Parameter($"{prefix}embeddings.position_embeddings.weight"),
            forward.Batch.Positions,
            forward.Parameter($"{prefix}embeddings.token_type_embeddings.weight"),
            forward.Batch.TypeIds,
            config.PadTokenId,
            positionPaddingId,
            forward.TrainedEmbeddings);
        x = forward.LayerNorm(x, $"{prefix}embeddings.LayerNorm", config.LayerNormEps);
        x = forward.Dropout(x, config.HiddenDropoutProb);
        forward.HiddenState(x);
        for (int layer = 0; layer < config.NumHiddenLayers; layer++)
        {
            x = Layer(forward, x, $"{prefix}encoder.layer.{layer}");
            forward.HiddenState(x);
        }

        return x;
    }

    private IReadOnlyList<LinearSpec>[] LayerLinears(int layer)
    {
        int hidden = config.HiddenSize;
        string path = $"{prefix}encoder.layer.{layer}";
        return
        [
            [
                new($"{path}.attention.self.query", hidden, hidden),
                new($"{path}.attention.self.key", hidden, hidden),
                new($"{path}.attention.self.value", hidden, hidden),
            ],
            [new($"{path}.attention.output.dense", hidden, hidden)],
            [new($"{path}.intermediate.dense", config.IntermediateSize, hidden)],
            [new($"{path}.output.dense", hidden, config.IntermediateSize)],
        ];
    }

    private Tensor Layer(ForwardBuilder forward, Tensor x, string path)
    {
        GraphBuilder graph = forward.Graph;
        Tensor[] projections =
            forward.Linears(x, $"{path}.attention.self.query", $"{path}.attention.self.key", $"{path}.attention.self.value");
        Tensor attended = forward.Attention(
            projections[0], projections[1], projections[2], config.NumAttentionHeads, config.AttentionProbsDropoutProb);
        Tensor projected = forward.Dropout(forward.Linear(attended, $"{path}.attention.output.dense"), config.HiddenDropoutProb);
        x = forward.LayerNorm(graph.Add(projected, x), $"{path}.attention.output.LayerNorm", config.LayerNormEps);
        Tensor inner = graph.Activate(forward.Linear(x, $"{path}.intermediate.dense"), Activation);
        Tensor outer = forward.Dropout(forward.Linear(inner, $"{path}.output.dense"), config.HiddenDropoutProb);
        return forward.LayerNorm(graph.Add(outer, x), $"{path}.output.LayerNorm", config.LayerNormEps);
    }
}
