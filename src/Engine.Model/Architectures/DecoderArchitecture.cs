using Engine.Graph;
using Engine.Model.Building;
using Engine.Model.HuggingFace;

namespace Engine.Model.Architectures;

/// <summary>What the heads on a shared <see cref="DecoderStack"/> have in common.</summary>
internal abstract class DecoderArchitecture : Architecture
{
    private protected DecoderArchitecture(DecoderConfig config)
    {
        Config = config;
        Stack = new DecoderStack(config);
    }

    /// <summary>The output layer's module.</summary>
    private protected const string OutputLayer = "lm_head";

    public DecoderConfig Config { get; }

    internal override ModelConfig ModelConfig => Config.Model;

    internal override bool IsCausal => true;

    public override string BasePrefix => DecoderStack.Prefix;

    /// <summary>
    /// Tied embeddings are stored as either layer's. Where an adapter unties them, both start from what the checkpoint has for them,
    /// whichever name that has.
    /// </summary>
    internal override IReadOnlyList<ParameterAlias> Aliases => Config.TieWordEmbeddings ? [OutputForEmbeddings]
        : Config.Model.UntiedFromEmbeddings
            ? [new ParameterAlias($"{DecoderStack.Embeddings}.weight", $"{OutputLayer}.weight"), OutputForEmbeddings]
            : [];

    public override string InputEmbeddings => DecoderStack.Embeddings;

    public override int? EmbeddingPaddingId => Config.PadTokenId;

    public override int HiddenSize => Config.HiddenSize;

    public override int VocabularySize => Config.VocabSize;

    public override int NumLayers => Config.NumHiddenLayers;

    public override int MaxLength => Config.MaxPositionEmbeddings;

    public override int PadTokenId => Config.PadTokenId ?? 0;

    public override float InitializerRange => Config.InitializerRange;

    internal override IReadOnlyList<RotarySet> Rotaries => Config.Rotaries;

    private protected DecoderStack Stack { get; }

    private static ParameterAlias OutputForEmbeddings => new($"{OutputLayer}.weight", $"{DecoderStack.Embeddings}.weight");
}

/// <summary>A decoder that predicts the next token, by an output layer of its own or, tied, by the word embeddings.</summary>
internal sealed class CausalDecoder(DecoderConfig config) : DecoderArchitecture(config)
{
    public override string Name => $"{Config.Family.Name}ForCausalLM";

    internal override HeadKind Head => HeadKind.CausalLm;

    public override string? OutputModule => Config.TieWordEmbeddings ? null : OutputLayer;

    public override int OutputSize => Config.VocabSize;

    internal override IReadOnlyList<ParameterSpec> Parameters => Config.TieWordEmbeddings
        ? [.. Stack.Parameters()]
        : [.. Stack.Parameters(), ParameterSpec.Weight(OutputLayer, VocabularySize, HiddenSize) with { RowPerToken = true }];

    internal override IReadOnlyList<IReadOnlyList<LinearSpec>> LinearGroups => Config.TieWordEmbeddings
        ? [.. Stack.LinearGroups()]
        : [.. Stack.LinearGroups(), [new LinearSpec(OutputLayer, VocabularySize, HiddenSize)]];

    internal override ModelOutput Build(ForwardBuilder forward) =>
        forward.VocabularyHead(
            forward.TakeSelected(Stack.Build(forward)), Config.TieWordEmbeddings ? DecoderStack.Embeddings : OutputLayer,
            Config.LogitCap);
}

/// <summary>A decoder with a linear classifier on the last token of a text.</summary>
internal sealed class DecoderClassifier(DecoderConfig config) : DecoderArchitecture(config)
{
    public override string Name => $"{Config.Family.TextName}ForSequenceClassification";

    internal override HeadKind Head => SequenceHead;

    public override string? OutputModule => "score";

    public override int OutputSize => Config.Model.Labels.Count;

    internal override IReadOnlyList<ParameterSpec> Parameters =>
        [.. Stack.Parameters(), ParameterSpec.Weight("score", OutputSize, HiddenSize) with { Head = true }];

    internal override IReadOnlyList<IReadOnlyList<LinearSpec>> LinearGroups =>
        [.. Stack.LinearGroups(), [new LinearSpec("score", OutputSize, HiddenSize)]];

    /// <summary>The last token that is not the padding id, as Transformers finds it; the first where all are.</summary>
    public override int PooledToken(ReadOnlySpan<int> inputIds) =>
        Config.PadTokenId is { } padding ? Math.Max(0, inputIds.LastIndexOfAnyExcept(padding)) : inputIds.Length - 1;

    internal override ModelOutput Build(ForwardBuilder forward) =>
        new ModelOutput.Logits(forward.Linear(forward.TakeSelected(Stack.Build(forward)), "score"));
}
