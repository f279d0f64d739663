using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Model.Building;
using Engine.Model.HuggingFace;

namespace Engine.Model.Architectures;

/// <summary>
/// ModernBERT (Warner et al. 2024, arXiv 2412.13663): word embeddings, then layers of attention with rotary positions and of a feed-forward
/// gated by GELU, each behind a layer normalization and beside a residual sum. In most layers a token sees a window around it, in every
/// third all of its text.
/// </summary>
internal abstract class ModernBert(ModernBertConfig config) : Architecture
{
    private const string Prefix = "model.", Words = $"{Prefix}embeddings.tok_embeddings", Dense = "head.dense", HeadNorm = "head.norm";

    public override string Name => $"ModernBert{ClassSuffix}";

    internal override ModelConfig ModelConfig => Config.Model;

    public override string BasePrefix => Prefix;

    public override string InputEmbeddings => Words;

    public override int? EmbeddingPaddingId => Config.PadTokenId;

    public override int HiddenSize => Config.HiddenSize;

    public override int VocabularySize => Config.VocabSize;

    public override int NumLayers => Config.NumHiddenLayers;

    public override int MaxLength => Config.MaxPositionEmbeddings;

    public override int PadTokenId => Config.PadTokenId ?? 0;

    public override float InitializerRange => Config.InitializerRange;

    internal override IReadOnlyList<RotarySet> Rotaries => Config.Rotaries;

    /// <summary>What a padded place sees in a window without a token differs between Transformers' ways of attending.</summary>
    internal override bool ComputesPadding => false;

    internal override IReadOnlyList<ParameterSpec> Parameters =>
        [.. BodyParameters(), .. HeadParameters().Select(spec => spec with { Head = true })];

    internal override IReadOnlyList<IReadOnlyList<LinearSpec>> LinearGroups =>
    [
        .. Enumerable.Range(0, Config.NumHiddenLayers).SelectMany(LayerLinears).Concat(HeadLinears()).Select(linear => new[] { linear }),
    ];

    private protected ModernBertConfig Config { get; } = config;

    /// <summary>What the name of Transformers' class ends with.</summary>
    private protected abstract string ClassSuffix { get; }

    /// <summary>The head's output layer; null for none that is a layer of its own.</summary>
    private protected abstract LinearSpec? Output { get; }

    private protected virtual IEnumerable<ParameterSpec> OutputParameters => Output is { } output
        ? [Drawn(output, 1 / (Math.Sqrt(HiddenSize) * Config.InitializerRange)), ParameterSpec.Bias(output.Module, output.OutFeatures)]
        : [];

    /// <summary>The head has a dense layer and a norm before its output layer.</summary>
    private protected virtual bool HasDense => true;

    /// <summary>Deviations of matrices that end in a residual sum, and of those after the layers (Transformers).</summary>
    private protected double OutwardDeviation => 1 / Math.Sqrt(2.0 * Config.NumHiddenLayers);

    /// <summary>Adds the body to the graph; returns the last hidden state [tokens, hidden], normalized.</summary>
    private protected Tensor Encode(ForwardBuilder forward)
    {
        Tensor x = forward.Graph.Embedding(
            forward.Parameter($"{Words}.weight"), forward.Batch.InputIds, wordPaddingId: Config.PadTokenId ?? -1,
            trained: forward.TrainedEmbeddings);
        x = forward.Dropout(Norm(forward, x, $"{Prefix}embeddings.norm"), Config.EmbeddingDropout);
        for (int layer = 0; layer < Config.NumHiddenLayers; layer++)
        {
            forward.HiddenState(x);
            string path = Path(layer);
            Tensor input = layer == 0 ? x : Norm(forward, x, $"{path}.attn_norm");
            x = forward.Graph.Add(Attention(forward, input, $"{path}.attn", Config.LocalLayers[layer]), x);
            x = forward.Graph.Add(FeedForward(forward, Norm(forward, x, $"{path}.mlp_norm"), $"{path}.mlp"), x);
        }

        x = Norm(forward, x, $"{Prefix}final_norm");
        forward.HiddenState(x);
        return x;
    }

    /// <summary>What every head does before its output layer.</summary>
    private protected Tensor Transform(ForwardBuilder forward, Tensor x) => Norm(
        forward, forward.Graph.Activate(forward.Linear(x, Dense), Config.ClassifierActivation), HeadNorm);

    /// <summary>A matrix, drawn with a share of the deviation.</summary>
    private protected ParameterSpec Drawn(LinearSpec linear, double deviation) =>
        ParameterSpec.Weight(linear.Module, linear.OutFeatures, linear.InFeatures) with
        {
            Deviation = deviation,
            Cutoff = Config.InitializerCutoff,
        };

    private static string Path(int layer) => $"{Prefix}layers.{layer}";

    private Tensor Attention(ForwardBuilder forward, Tensor x, string path, bool local)
    {
        Tensor all = forward.Linear(x, $"{path}.Wqkv");
        Tensor[] parts = [.. Enumerable.Range(0, 3).Select(part => forward.Graph.Columns(all, part * HiddenSize, HiddenSize))];
        int rotary = local ? 1 : 0;
        Tensor attended = forward.Attention(
            forward.Rotary(parts[0], Config.HeadSize, rotary), forward.Rotary(parts[1], Config.HeadSize, rotary), parts[2],
            Config.NumAttentionHeads, Config.AttentionDropout, new AttentionScores { Window = local ? Config.Window : 0 });
        return forward.Dropout(forward.Linear(attended, $"{path}.Wo"), Config.AttentionDropout);
    }

    private Tensor FeedForward(ForwardBuilder forward, Tensor x, string path)
    {
        Tensor both = forward.Linear(x, $"{path}.Wi");
        int width = Config.IntermediateSize;
        Tensor gated = forward.Graph.GeGlu(
            forward.Graph.Columns(both, 0, width), forward.Graph.Columns(both, width, width), Config.Activation);
        return forward.Linear(forward.Dropout(gated, Config.MlpDropout), $"{path}.Wo");
    }

    private Tensor Norm(ForwardBuilder forward, Tensor x, string module) => forward.LayerNorm(x, module, Config.NormEps);

    private ParameterSpec[] NormParameters(string module) =>
        Config.NormBias ? ParameterSpec.LayerNorm(module, HiddenSize) : [ParameterSpec.NormWeight(module, HiddenSize)];

    private IEnumerable<ParameterSpec> BodyParameters()
    {
        yield return Drawn(new LinearSpec(Words, VocabularySize, HiddenSize), 1) with { RowPerToken = true };
        foreach (ParameterSpec spec in NormParameters($"{Prefix}embeddings.norm")
            .Concat(Enumerable.Range(0, Config.NumHiddenLayers).SelectMany(LayerParameters))
            .Concat(NormParameters($"{Prefix}final_norm")))
        {
            yield return spec;
        }
    }

    private IEnumerable<ParameterSpec> LayerParameters(int layer)
    {
        LinearSpec[] linears = LayerLinears(layer);
        return
        [
            .. layer == 0 ? [] : NormParameters($"{Path(layer)}.attn_norm"),
            .. Linear(linears[0], 1, Config.AttentionBias),
            .. Linear(linears[1], OutwardDeviation, Config.AttentionBias),
            .. NormParameters($"{Path(layer)}.mlp_norm"),
            .. Linear(linears[2], 1, Config.MlpBias),
            .. Linear(linears[3], OutwardDeviation, Config.MlpBias),
        ];
    }

    private ParameterSpec[] Linear(LinearSpec linear, double deviation, bool bias) =>
        bias ? [Drawn(linear, deviation), ParameterSpec.Bias(linear.Module, linear.OutFeatures)] : [Drawn(linear, deviation)];

    private LinearSpec[] LayerLinears(int layer)
    {
        int hidden = HiddenSize, inner = Config.IntermediateSize;
        return
        [
            new($"{Path(layer)}.attn.Wqkv", 3 * hidden, hidden),
            new($"{Path(layer)}.attn.Wo", hidden, hidden),
            new($"{Path(layer)}.mlp.Wi", 2 * inner, hidden),
            new($"{Path(layer)}.mlp.Wo", hidden, inner),
        ];
    }

    private IEnumerable<ParameterSpec> HeadParameters() => HasDense
        ?
        [
            .. Linear(new LinearSpec(Dense, HiddenSize, HiddenSize), OutwardDeviation, Config.ClassifierBias), .. NormParameters(HeadNorm),
            .. OutputParameters,
        ]
        : OutputParameters;

    private IEnumerable<LinearSpec> HeadLinears()
    {
        if (HasDense)
        {
            yield return new LinearSpec(Dense, HiddenSize, HiddenSize);
        }

        if (Output is { } output)
        {
            yield return output;
        }
    }
}

/// <summary>ModernBERT that predicts masked tokens.</summary>
internal sealed class ModernBertForMaskedLM(ModernBertConfig config) : ModernBert(config)
{
    private const string Decoder = "decoder";

    internal override HeadKind Head => HeadKind.MaskedLm;

    public override string? OutputModule => Output?.Module;

    public override int OutputSize => VocabularySize;

    internal override IReadOnlyList<ParameterAlias> Aliases =>
        Config.Model.TieWordEmbeddings ? [new ParameterAlias($"{Decoder}.weight", $"{InputEmbeddings}.weight")] : [];

    private protected override string ClassSuffix => "ForMaskedLM";

    private protected override LinearSpec? Output =>
        Config.Model.TieWordEmbeddings ? null : new LinearSpec(Decoder, VocabularySize, HiddenSize);

    private protected override IEnumerable<ParameterSpec> OutputParameters =>
    [
        .. Output is { } output ? [Drawn(output, OutwardDeviation) with { RowPerToken = true }] : Array.Empty<ParameterSpec>(),
        .. Config.DecoderBias ? [ParameterSpec.Bias(Decoder, VocabularySize) with { RowPerToken = true }] : Array.Empty<ParameterSpec>(),
    ];

    internal override ModelOutput Build(ForwardBuilder forward)
    {
        Tensor x = Transform(forward, forward.TakeSelected(Encode(forward)));
        return Output is { } output
            ? forward.VocabularyHead(x, output.Module)
            : new ModelOutput.VocabularyHead(
                x, forward.Parameter($"{InputEmbeddings}.weight"), Config.DecoderBias ? forward.Parameter($"{Decoder}.bias") : null,
                forward.TrainedRows(InputEmbeddings));
    }
}

/// <summary>
/// ModernBERT with a linear layer on one vector of each text, or on each token where tokens are classified or an answer is found.
/// </summary>
/// <param name="kind">What is predicted; null: what the configuration's labels are.</param>
internal sealed class ModernBertClassifier(ModernBertConfig config, HeadKind? kind = null) : ModernBert(config)
{
    internal override HeadKind Head => kind ?? SequenceHead;

    public override string? OutputModule => "classifier";

    public override int OutputSize => kind switch
    {
        HeadKind.QuestionAnswering => 2,
        HeadKind.MultipleChoice => 1,
        _ => Config.Model.Labels.Count,
    };

    public override bool NeedsTextFirst => ReadsTexts && Config.ClassifierPooling == TextPooling.FirstToken;

    private protected override string ClassSuffix => kind switch
    {
        HeadKind.QuestionAnswering => "ForQuestionAnswering",
        HeadKind.MultipleChoice => "ForMultipleChoice",
        HeadKind.TokenClassification => "ForTokenClassification",
        _ => "ForSequenceClassification",
    };

    private protected override LinearSpec? Output => new(OutputModule!, OutputSize, HiddenSize);

    private bool ReadsTexts => kind is not (HeadKind.QuestionAnswering or HeadKind.TokenClassification);

    internal override ModelOutput Build(ForwardBuilder forward)
    {
        Tensor x = Encode(forward);
        Tensor read = ReadsTexts ? forward.Pool(x, Config.ClassifierPooling) : forward.TakeSelected(x);
        return new ModelOutput.Logits(
            forward.Linear(forward.Dropout(Transform(forward, read), Config.ClassifierDropout), OutputModule!));
    }
}

/// <summary>ModernBERT without a head: each text's hidden states are pooled to one vector.</summary>
internal sealed class ModernBertEmbedding(ModernBertConfig config, SentenceTraining sentences) : ModernBert(config)
{
    internal override HeadKind Head => sentences.Kind;

    internal override float SimilarityScale => sentences.Scale;

    public override string? OutputModule => null;

    public override int OutputSize => HiddenSize;

    public override bool NeedsTextFirst => sentences.Pooling == TextPooling.FirstToken;

    private protected override string ClassSuffix => "Model";

    private protected override LinearSpec? Output => null;

    private protected override bool HasDense => false;

    internal override ModelOutput Build(ForwardBuilder forward) =>
        new ModelOutput.Logits(forward.Pool(Encode(forward), sentences.Pooling));
}
