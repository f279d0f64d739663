using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Kernels;
using Engine.Model.Execution;
using Engine.Model.HuggingFace;

namespace Engine.Model.Architectures;

/// <summary>RoBERTa with the masked-language-modelling head: dense, GELU, layer norm, and the word embeddings as output layer (tied).</summary>
public sealed class RobertaForMaskedLM(EncoderConfig config) : RobertaArchitecture(Tied(config))
{
    public override string Name => nameof(RobertaForMaskedLM);

    public override HeadKind Head => HeadKind.MaskedLm;

    public override string? OutputModule => null;

    public override int OutputSize => Config.VocabSize;

    public override ModelOutput Build(ForwardBuilder forward)
    {
        Tensor x = forward.Linear(forward.TakeSelected(Encode(forward)), "lm_head.dense");
        x = forward.LayerNorm(forward.Graph.Activate(x, ActivationKind.GeluErf), "lm_head.layer_norm", Config.LayerNormEps);
        return new ModelOutput.VocabularyHead(
            x, forward.Parameter("roberta.embeddings.word_embeddings.weight"), forward.Parameter("lm_head.bias"));
    }

    private static EncoderConfig Tied(EncoderConfig config) =>
        config.Model.TieWordEmbeddings ? config : throw config.Model.Root.Wrong("tie_word_embeddings", "true (an output layer with a weight of its own is not built)");

    private protected override IReadOnlyList<LinearSpec> HeadLinears() => [new("lm_head.dense", HiddenSize, HiddenSize)];

    private protected override IEnumerable<ParameterSpec> HeadParameters() =>
    [
        new("lm_head.bias", new Shape(OutputSize), ParameterInitialization.Zeros) { Decays = false },
        .. base.HeadParameters(),
        .. ParameterSpec.LayerNorm("lm_head.layer_norm", HiddenSize),
    ];
}
