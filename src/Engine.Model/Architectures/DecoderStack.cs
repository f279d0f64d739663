using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Kernels;
using Engine.Model.Building;
using Engine.Model.HuggingFace;

namespace Engine.Model.Architectures;

/// <summary>
/// The decoder that Llama and its relatives share: word embeddings, then layers of causal attention with rotary positions and a gated
/// feed-forward, each beside a residual sum and, as the family has it, behind or before an RMS norm, and a last norm (Touvron et al.,
/// arXiv 2302.13971).
/// </summary>
internal sealed class DecoderStack(DecoderConfig config)
{
    /// <summary>Prefix of the names.</summary>
    public const string Prefix = "model.";

    /// <summary>The word embeddings' module.</summary>
    public const string Embeddings = $"{Prefix}embed_tokens";

    private readonly DecoderLayer layers = config.Family.Layer(config);

    private int QueryColumns => config.NumAttentionHeads * config.HeadDim;

    private int KeyColumns => config.NumKeyValueHeads * config.HeadDim;

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

        yield return NormWeight($"{Prefix}norm", config.HiddenSize);
    }

    /// <summary>The decoder's linear layers, those with one input together.</summary>
    public IEnumerable<IReadOnlyList<LinearSpec>> LinearGroups() => Enumerable.Range(0, config.NumHiddenLayers).SelectMany(LayerLinears);

    /// <summary>Adds the decoder to the graph; returns the last hidden state [tokens, hidden], normalized.</summary>
    public Tensor Build(ForwardBuilder forward)
    {
        Tensor x = forward.Graph.Embedding(
            forward.Parameter($"{Embeddings}.weight"), forward.Batch.InputIds, wordPaddingId: config.PadTokenId ?? -1,
            trained: forward.TrainedEmbeddings);
        x = layers.EmbeddingScale == 1 ? x : forward.Graph.Scale(x, layers.EmbeddingScale);
        for (int layer = 0; layer < config.NumHiddenLayers; layer++)
        {
            forward.HiddenState(x);
            x = Layer(forward, x, layer);
        }

        x = Norm(forward, x, $"{Prefix}norm");
        forward.HiddenState(x);
        return x;
    }

    private Tensor Layer(ForwardBuilder forward, Tensor x, int layer)
    {
        string path = $"{Prefix}layers.{layer}";
        string?[] norms = NormNames();
        x = Block(x, norms[0], norms[1], input => Attention(forward, input, $"{path}.self_attn", layer));
        return Block(x, norms[2], norms[3], input => FeedForward(forward, input, $"{path}.mlp"));

        Tensor Block(Tensor residual, string? before, string? behind, Func<Tensor, Tensor> block)
        {
            Tensor result = block(before is null ? residual : Norm(forward, residual, $"{path}.{before}"));
            result = behind is null ? result : Norm(forward, result, $"{path}.{behind}");
            return forward.Graph.Add(
                config.ResidualDropout == 0 ? result : forward.Dropout(result, config.ResidualDropout), residual);
        }
    }

    private Tensor Attention(ForwardBuilder forward, Tensor x, string path, int layer)
    {
        (Tensor q, Tensor k, Tensor v) = Projections(forward, x, path);
        if (layers.QueryKeyNorm != QueryKeyNorm.None)
        {
            q = Norm(forward, q, $"{path}.q_norm");
            k = Norm(forward, k, $"{path}.k_norm");
        }

        bool local = config.LocalLayers[layer];
        int rotary = local ? config.Rotaries.Count - 1 : 0; // The last is of layers with a window, where these have their own.
        Tensor attended = forward.CausalAttention(
            forward.Rotary(q, config.HeadDim, rotary), forward.Rotary(k, config.HeadDim, rotary), v, config.NumAttentionHeads,
            config.NumKeyValueHeads, config.AttentionDropout,
            new AttentionScores { Scale = config.ScoreScale, Window = local ? config.Window : 0, SoftCap = config.ScoreCap });
        return forward.Linear(attended, $"{path}.o_proj");
    }

    private (Tensor Q, Tensor K, Tensor V) Projections(ForwardBuilder forward, Tensor x, string path)
    {
        if (layers.Fused)
        {
            Tensor all = forward.Linear(x, $"{path}.qkv_proj");
            return (
                forward.Graph.Columns(all, 0, QueryColumns), forward.Graph.Columns(all, QueryColumns, KeyColumns),
                forward.Graph.Columns(all, QueryColumns + KeyColumns, KeyColumns));
        }

        Tensor[] projections = forward.Linears(x, $"{path}.q_proj", $"{path}.k_proj", $"{path}.v_proj");
        return (projections[0], projections[1], projections[2]);
    }

    private Tensor FeedForward(ForwardBuilder forward, Tensor x, string path)
    {
        Tensor[] inner;
        if (layers.Fused)
        {
            Tensor both = forward.Linear(x, $"{path}.gate_up_proj");
            int width = config.IntermediateSize;
            inner = [forward.Graph.Columns(both, 0, width), forward.Graph.Columns(both, width, width)];
        }
        else
        {
            inner = forward.Linears(x, $"{path}.gate_proj", $"{path}.up_proj");
        }

        Tensor gated = layers.GatedByGelu
            ? forward.Graph.GeGlu(inner[0], inner[1], ActivationKind.GeluTanh)
            : forward.Graph.SwiGlu(inner[0], inner[1]);
        return forward.Linear(gated, $"{path}.down_proj");
    }

    private Tensor Norm(ForwardBuilder forward, Tensor x, string module) =>
        forward.RmsNorm(x, module, config.RmsNormEps, layers.NormsByOneMore);

    /// <summary>The norms before and behind attention, then those of the feed-forward; null for none.</summary>
    private string?[] NormNames() => layers.Norms switch
    {
        NormPlacement.Before => ["input_layernorm", null, "post_attention_layernorm", null],
        NormPlacement.Behind => [null, "post_attention_layernorm", null, "post_feedforward_layernorm"],
        _ => ["input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm", "post_feedforward_layernorm"],
    };

    private ParameterSpec NormWeight(string module, int columns) => layers.NormsByOneMore
        ? ParameterSpec.NormWeight(module, columns) with { Initialization = ParameterInitialization.Zeros }
        : ParameterSpec.NormWeight(module, columns);

    private IEnumerable<ParameterSpec> LayerParameters(int layer)
    {
        string path = $"{Prefix}layers.{layer}";
        foreach ((int group, IReadOnlyList<LinearSpec> linears) in LayerLinears(layer).Index())
        {
            foreach (LinearSpec linear in linears)
            {
                yield return ParameterSpec.Weight(linear.Module, linear.OutFeatures, linear.InFeatures);
                if (HasBias(linear.Module))
                {
                    yield return ParameterSpec.Bias(linear.Module, linear.OutFeatures);
                }
            }

            // The first two groups are attention's.
            if (group == 1 && layers.QueryKeyNorm != QueryKeyNorm.None)
            {
                bool heads = layers.QueryKeyNorm == QueryKeyNorm.Heads;
                yield return NormWeight($"{path}.self_attn.q_norm", heads ? config.HeadDim : QueryColumns);
                yield return NormWeight($"{path}.self_attn.k_norm", heads ? config.HeadDim : KeyColumns);
            }
        }

        foreach (string norm in NormNames().OfType<string>())
        {
            yield return NormWeight($"{path}.{norm}", config.HiddenSize);
        }
    }

    private bool HasBias(string module) => module[(module.LastIndexOf('.') + 1)..] switch
    {
        "q_proj" or "k_proj" or "v_proj" => layers.QueryKeyValueBias,
        "o_proj" => layers.OutputBias,
        "gate_proj" or "up_proj" or "down_proj" => layers.FeedForwardBias,
        _ => false,
    };

    private IReadOnlyList<LinearSpec>[] LayerLinears(int layer)
    {
        string attention = $"{Prefix}layers.{layer}.self_attn", feedForward = $"{Prefix}layers.{layer}.mlp";
        int hidden = config.HiddenSize, inner = config.IntermediateSize;

        // In Transformers' definition order, which numbers the layers' noise: where projections are fused, the output's comes first.
        LinearSpec[] output = [new($"{attention}.o_proj", hidden, QueryColumns)];
        LinearSpec[] down = [new($"{feedForward}.down_proj", hidden, inner)];
        return layers.Fused
            ?
            [
                output,
                [new($"{attention}.qkv_proj", QueryColumns + (2 * KeyColumns), hidden)],
                [new($"{feedForward}.gate_up_proj", 2 * inner, hidden)],
                down,
            ]
            :
            [
                [
                    new($"{attention}.q_proj", QueryColumns, hidden),
                    new($"{attention}.k_proj", KeyColumns, hidden),
                    new($"{attention}.v_proj", KeyColumns, hidden),
                ],
                output,
                [new($"{feedForward}.gate_proj", inner, hidden), new($"{feedForward}.up_proj", inner, hidden)],
                down,
            ];
    }
}
