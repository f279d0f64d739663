using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Kernels;
using Engine.Model.Building;
using Engine.Model.HuggingFace;

namespace Engine.Model.Architectures;

/// <summary>
/// GPT-2 (Radford et al. 2019): word and position embeddings, then layers of causal attention and feed-forward, each behind a layer
/// normalization and beside a residual sum. Its checkpoints hold the matrices of linear layers [in, out].
/// </summary>
internal abstract class Gpt2Architecture(Gpt2Config config) : Architecture
{
    private const string Prefix = "transformer.", Words = $"{Prefix}wte", Places = $"{Prefix}wpe", OutputLayer = "lm_head";

    internal override ModelConfig ModelConfig => Config.Model;

    public override string BasePrefix => Prefix;

    internal override bool IsCausal => true;

    internal override IReadOnlyList<ParameterAlias> Aliases =>
        Config.Model.TieWordEmbeddings ? [new ParameterAlias($"{OutputLayer}.weight", $"{Words}.weight")] : [];

    public override string InputEmbeddings => Words;

    public override int? EmbeddingPaddingId => null;

    public override int HiddenSize => Config.HiddenSize;

    public override int VocabularySize => Config.VocabSize;

    public override int NumLayers => Config.NumHiddenLayers;

    public override int MaxLength => Config.MaxPositionEmbeddings;

    public override int PadTokenId => Config.PadTokenId ?? 0;

    public override float InitializerRange => Config.InitializerRange;

    /// <summary>Columns count as positions.</summary>
    public override bool NeedsTextFirst => true;

    internal override IReadOnlyList<ParameterSpec> Parameters => [.. BodyParameters(), .. HeadParameters()];

    internal override IReadOnlyList<IReadOnlyList<LinearSpec>> LinearGroups =>
        [.. Enumerable.Range(0, Config.NumHiddenLayers).SelectMany(LayerLinears).Select(linear => new[] { linear }), .. HeadLinears()];

    private protected Gpt2Config Config { get; } = config;

    /// <summary>The output layer over the vocabulary: the word embeddings where it is tied.</summary>
    private protected string Vocabulary => Config.Model.TieWordEmbeddings ? Words : OutputLayer;

    private protected abstract IEnumerable<ParameterSpec> HeadParameters();

    private protected abstract IEnumerable<IReadOnlyList<LinearSpec>> HeadLinears();

    /// <summary>Adds the body to the graph; returns the last hidden state [tokens, hidden], normalized.</summary>
    private protected Tensor Encode(ForwardBuilder forward)
    {
        Tensor x = forward.Graph.Embedding(
            forward.Parameter($"{Words}.weight"), forward.Batch.InputIds, forward.Parameter($"{Places}.weight"), forward.Batch.Positions,
            trained: forward.TrainedEmbeddings);
        x = forward.Dropout(x, Config.EmbeddingDropout);
        for (int layer = 0; layer < Config.NumHiddenLayers; layer++)
        {
            forward.HiddenState(x);
            string path = $"{Prefix}h.{layer}";
            x = forward.Graph.Add(Attention(forward, Norm(forward, x, $"{path}.ln_1"), $"{path}.attn"), x);
            x = forward.Graph.Add(FeedForward(forward, Norm(forward, x, $"{path}.ln_2"), $"{path}.mlp"), x);
        }

        x = Norm(forward, x, $"{Prefix}ln_f");
        forward.HiddenState(x);
        return x;
    }

    private Tensor Attention(ForwardBuilder forward, Tensor x, string path)
    {
        Tensor all = forward.Linear(x, $"{path}.c_attn");
        Tensor[] parts = [.. Enumerable.Range(0, 3).Select(part => forward.Graph.Columns(all, part * HiddenSize, HiddenSize))];
        Tensor attended = forward.CausalAttention(
            parts[0], parts[1], parts[2], Config.NumAttentionHeads, Config.NumAttentionHeads, Config.AttentionDropout);
        return forward.Dropout(forward.Linear(attended, $"{path}.c_proj"), Config.ResidualDropout);
    }

    private Tensor FeedForward(ForwardBuilder forward, Tensor x, string path)
    {
        Tensor inner = forward.Graph.Activate(forward.Linear(x, $"{path}.c_fc"), ActivationKind.GeluTanh);
        return forward.Dropout(forward.Linear(inner, $"{path}.c_proj"), Config.ResidualDropout);
    }

    private Tensor Norm(ForwardBuilder forward, Tensor x, string module) => forward.LayerNorm(x, module, Config.LayerNormEps);

    private IEnumerable<ParameterSpec> BodyParameters()
    {
        yield return ParameterSpec.Weight(Words, Config.VocabSize, HiddenSize) with { RowPerToken = true };
        yield return ParameterSpec.Weight(Places, Config.MaxPositionEmbeddings, HiddenSize);
        for (int layer = 0; layer < Config.NumHiddenLayers; layer++)
        {
            LinearSpec[] linears = LayerLinears(layer);
            string path = $"{Prefix}h.{layer}";
            foreach (ParameterSpec spec in (ParameterSpec[])[
                .. ParameterSpec.LayerNorm($"{path}.ln_1", HiddenSize), .. linears[..2].SelectMany(Transposed),
                .. ParameterSpec.LayerNorm($"{path}.ln_2", HiddenSize), .. linears[2..].SelectMany(Transposed)])
            {
                yield return spec;
            }
        }

        foreach (ParameterSpec spec in ParameterSpec.LayerNorm($"{Prefix}ln_f", HiddenSize))
        {
            yield return spec;
        }
    }

    /// <summary>Matrices that end in a residual sum start smaller, by the root of the number of these sums (section 2.3).</summary>
    private ParameterSpec[] Transposed(LinearSpec linear)
    {
        ParameterSpec[] parameters = ParameterSpec.Linear(linear);
        bool endsInSum = linear.Module.EndsWith(".c_proj", StringComparison.Ordinal);
        double deviation = endsInSum ? 1 / Math.Sqrt(2.0 * Config.NumHiddenLayers) : 1;
        return [parameters[0] with { Transposed = true, Deviation = deviation }, parameters[1]];
    }

    private LinearSpec[] LayerLinears(int layer)
    {
        string path = $"{Prefix}h.{layer}";
        int hidden = HiddenSize, inner = Config.IntermediateSize;
        return
        [
            new($"{path}.attn.c_attn", 3 * hidden, hidden),
            new($"{path}.attn.c_proj", hidden, hidden),
            new($"{path}.mlp.c_fc", inner, hidden),
            new($"{path}.mlp.c_proj", hidden, inner),
        ];
    }
}

/// <summary>GPT-2 that predicts the next token.</summary>
internal sealed class Gpt2LMHeadModel(Gpt2Config config) : Gpt2Architecture(config)
{
    public override string Name => "GPT2LMHeadModel";

    internal override HeadKind Head => HeadKind.CausalLm;

    public override string? OutputModule => Config.Model.TieWordEmbeddings ? null : Vocabulary;

    public override int OutputSize => VocabularySize;

    internal override ModelOutput Build(ForwardBuilder forward) =>
        forward.VocabularyHead(forward.TakeSelected(Encode(forward)), Vocabulary);

    private protected override IEnumerable<ParameterSpec> HeadParameters() => Config.Model.TieWordEmbeddings
        ? []
        : [ParameterSpec.Weight(Vocabulary, VocabularySize, HiddenSize) with { RowPerToken = true }];

    private protected override IEnumerable<IReadOnlyList<LinearSpec>> HeadLinears() => Config.Model.TieWordEmbeddings
        ? []
        : [[new LinearSpec(Vocabulary, VocabularySize, HiddenSize)]];
}

/// <summary>GPT-2 with a linear classifier on the last token of a text.</summary>
internal sealed class Gpt2ForSequenceClassification(Gpt2Config config) : Gpt2Architecture(config)
{
    public override string Name => "GPT2ForSequenceClassification";

    internal override HeadKind Head => SequenceHead;

    public override string? OutputModule => "score";

    public override int OutputSize => Config.Model.Labels.Count;

    /// <summary>The last token that is not the padding id, as Transformers finds it; the first where all are.</summary>
    public override int PooledToken(ReadOnlySpan<int> inputIds) =>
        Config.PadTokenId is { } padding ? Math.Max(0, inputIds.LastIndexOfAnyExcept(padding)) : inputIds.Length - 1;

    internal override ModelOutput Build(ForwardBuilder forward) =>
        new ModelOutput.Logits(forward.Linear(forward.TakeSelected(Encode(forward)), "score"));

    private protected override IEnumerable<ParameterSpec> HeadParameters() =>
        [ParameterSpec.Weight("score", OutputSize, HiddenSize) with { Head = true }];

    private protected override IEnumerable<IReadOnlyList<LinearSpec>> HeadLinears() =>
        [[new LinearSpec("score", OutputSize, HiddenSize)]];
}
