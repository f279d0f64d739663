using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Model.Building;
using Engine.Model.HuggingFace;

namespace Engine.Model.Architectures;

/// <summary>How one vector is made of a text's hidden states.</summary>
internal enum TextPooling
{
    /// <summary>The mean over the text's tokens, special ones included.</summary>
    Mean,

    /// <summary>The first token's hidden state.</summary>
    FirstToken,
}

/// <summary>BERT without a head, each text's hidden states pooled to one vector (Reimers and Gurevych 2019, arXiv 1908.10084).</summary>
internal sealed class BertModel(EncoderConfig config, TextPooling pooling) : EncoderArchitecture(config, "bert.")
{
    public override string Name => nameof(BertModel);

    internal override HeadKind Head => HeadKind.Embedding;

    public override string? OutputModule => null;

    public override int OutputSize => HiddenSize;

    internal override ModelOutput Build(ForwardBuilder forward) =>
        new ModelOutput.Logits(forward.Pool(Stack.Build(forward, positionPaddingId: -1), pooling));

    private protected override IReadOnlyList<LinearSpec> HeadLinears() => [];
}

/// <summary>RoBERTa likewise.</summary>
internal sealed class RobertaModel(EncoderConfig config, TextPooling pooling) : RobertaArchitecture(config)
{
    public override string Name => nameof(RobertaModel);

    internal override HeadKind Head => HeadKind.Embedding;

    public override string? OutputModule => null;

    public override int OutputSize => HiddenSize;

    internal override ModelOutput Build(ForwardBuilder forward) => new ModelOutput.Logits(forward.Pool(Encode(forward), pooling));

    private protected override IReadOnlyList<LinearSpec> HeadLinears() => [];
}
