using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Model.Building;
using Engine.Model.HuggingFace;

namespace Engine.Model.Architectures;

/// <summary>What the layers of one family of decoders have and those of another lack.</summary>
internal sealed record DecoderLayer
{
    /// <summary>Biases on the projections to queries, keys and values.</summary>
    public bool QueryKeyValueBias { get; init; }

    /// <summary>A bias on attention's output projection.</summary>
    public bool OutputBias { get; init; }

    /// <summary>Biases in the feed-forward.</summary>
    public bool FeedForwardBias { get; init; }

    /// <summary>Each head of queries and keys is normalized before it is turned.</summary>
    public bool QueryKeyNorm { get; init; }
}

/// <summary>
/// The decoder that Llama and its relatives share: word embeddings, then layers of causal attention with rotary positions and a gated
/// feed-forward, each behind an RMS norm and beside a residual sum (pre-norm), and a last norm (Touvron et al., arXiv 2302.13971).
/// </summary>
internal sealed class DecoderStack(DecoderConfig config, DecoderLayer layers)
{
    /// <summary>Prefix of the names.</summary>
    public const string Prefix = "model.";

    /// <summary>The word embeddings' module.</summary>
    public const string Embeddings = $"{Prefix}embed_tokens";

    /// <summary>The decoder's parameters in Transformers' definition order.</summary>
    public IEnumerable<ParameterSpec> Parameters()
    {
        yield return ParameterSpec.Weight(Embeddings, config.VocabSize, config.HiddenSize) with { RowPerToken = true };
        for (int layer = 0; layer < config.NumHiddenLayers; layer++)
        {
            foreach (ParameterSpec spec in LayerParameters(layer))
            {
                yield return spec;
            }
        }

        yield return ParameterSpec.NormWeight($"{Prefix}norm", config.HiddenSize);
    }

    /// <summary>The decoder's linear layers, those with one input together.</summary>
    public IEnumerable<IReadOnlyList<LinearSpec>> LinearGroups() => Enumerable.Range(0, config.NumHiddenLayers).SelectMany(LayerLinears);

    /// <summary>Adds the decoder to the graph; returns the last hidden state [tokens, hidden], normalized.</summary>
    public Tensor Build(ForwardBuilder forward)
    {
        Tensor x = forward.Graph.Embedding(
            forward.Parameter($"{Embeddings}.weight"), forward.Batch.InputIds, wordPaddingId: config.PadTokenId ?? -1,
            trained: forward.TrainedEmbeddings);
        for (int layer = 0; layer < config.NumHiddenLayers; layer++)
        {
            forward.HiddenState(x);
            x = Layer(forward, x, $"{Prefix}layers.{layer}");
        }

        x = forward.RmsNorm(x, $"{Prefix}norm", config.RmsNormEps);
        forward.HiddenState(x);
        return x;
    }

    private Tensor Layer(ForwardBuilder forward, Tensor x, string path)
    {
        Tensor attended = Attention(forward, forward.RmsNorm(x, $"{path}.input_layernorm", config.RmsNormEps), $"{path}.self_attn");
        x = forward.Graph.Add(attended, x);
        Tensor expanded = FeedForward(forward, forward.RmsNorm(x, $"{path}.post_attention_layernorm", config.RmsNormEps), $"{path}.mlp");
        return forward.Graph.Add(expanded, x);
    }

    private Tensor Attention(ForwardBuilder forward, Tensor x, string path)
    {
        Tensor[] projections = forward.Linears(x, $"{path}.q_proj", $"{path}.k_proj", $"{path}.v_proj");
        (Tensor q, Tensor k, Tensor v) = (projections[0], projections[1], projections[2]);
        if (layers.QueryKeyNorm)
        {
            q = forward.RmsNorm(q, $"{path}.q_norm", config.RmsNormEps);
            k = forward.RmsNorm(k, $"{path}.k_norm", config.RmsNormEps);
        }

        Tensor attended = forward.CausalAttention(
            forward.Rotary(q), forward.Rotary(k), v, config.NumAttentionHeads, config.NumKeyValueHeads, config.AttentionDropout);
        return forward.Linear(attended, $"{path}.o_proj");
    }

    private static Tensor FeedForward(ForwardBuilder forward, Tensor x, string path)
    {
        Tensor[] inner = forward.Linears(x, $"{path}.gate_proj", $"{path}.up_proj");
        return forward.Linear(forward.Graph.SwiGlu(inner[0], inner[1]), $"{path}.down_proj");
    }

    private IEnumerable<ParameterSpec> LayerParameters(int layer)
    {
        string path = $"{Prefix}layers.{layer}";
        IReadOnlyList<LinearSpec>[] groups = LayerLinears(layer);
        bool[] biases = [layers.QueryKeyValueBias, layers.OutputBias, layers.FeedForwardBias, layers.FeedForwardBias];
        for (int group = 0; group < groups.Length; group++)
        {
            foreach (LinearSpec linear in groups[group])
            {
                yield return ParameterSpec.Weight(linear.Module, linear.OutFeatures, linear.InFeatures);
                if (biases[group])
                {
                    yield return ParameterSpec.Bias(linear.Module, linear.OutFeatures);
                }
            }

            if (group == 1 && layers.QueryKeyNorm)
            {
                yield return ParameterSpec.NormWeight($"{path}.self_attn.q_norm", config.HeadDim);
                yield return ParameterSpec.NormWeight($"{path}.self_attn.k_norm", config.HeadDim);
            }
        }

        yield return ParameterSpec.NormWeight($"{path}.input_layernorm", config.HiddenSize);
        yield return ParameterSpec.NormWeight($"{path}.post_attention_layernorm", config.HiddenSize);
    }

    private IReadOnlyList<LinearSpec>[] LayerLinears(int layer)
    {
        string attention = $"{Prefix}layers.{layer}.self_attn", feedForward = $"{Prefix}layers.{layer}.mlp";
        int hidden = config.HiddenSize, queries = config.NumAttentionHeads * config.HeadDim,
            keys = config.NumKeyValueHeads * config.HeadDim;
        return
        [
            [
                new($"{attention}.q_proj", queries, hidden),
                new($"{attention}.k_proj", keys, hidden),
                new($"{attention}.v_proj", keys, hidden),
            ],
            [new($"{attention}.o_proj", hidden, queries)],
            [
                new($"{feedForward}.gate_proj", config.IntermediateSize, hidden),
                new($"{feedForward}.up_proj", config.IntermediateSize, hidden),
            ],
            [new($"{feedForward}.down_proj", hidden, config.IntermediateSize)],
        ];
    }
}
