using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Kernels;
using Engine.Model.Building;
using Engine.Model.HuggingFace;

namespace Engine.Model.Architectures;

/// <summary>
/// RoBERTa with the masked-language-modelling head: dense, GELU, layer norm, and the word embeddings as output layer (tied).
/// </summary>
internal sealed class RobertaForMaskedLM(EncoderConfig config) : RobertaArchitecture(config.RequireTied())
{
    public override string Name => nameof(RobertaForMaskedLM);

    internal override HeadKind Head => HeadKind.MaskedLm;

    public override string? OutputModule => null;

    public override int OutputSize => Config.VocabSize;

    internal override IReadOnlyList<ParameterAlias> Aliases => [new("lm_head.decoder.weight", "roberta.embeddings.word_embeddings.weight")];

    internal override ModelOutput Build(ForwardBuilder forward)
    {
        Tensor x = forward.Linear(forward.TakeSelected(Encode(forward)), "lm_head.dense");
        x = forward.LayerNorm(forward.Graph.Activate(x, ActivationKind.GeluErf), "lm_head.layer_norm", Config.LayerNormEps);
        return new ModelOutput.VocabularyHead(
            x, forward.Parameter($"{InputEmbeddings}.weight"), forward.Parameter("lm_head.bias"), forward.TrainedRows(InputEmbeddings));
    }

    private protected override IReadOnlyList<LinearSpec> HeadLinears() => [new("lm_head.dense", HiddenSize, HiddenSize)];

    private protected override IEnumerable<ParameterSpec> HeadParameters() =>
    [
        new("lm_head.bias", new Shape(OutputSize), ParameterInitialization.Zeros) { Decays = false, RowPerToken = true },
        .. base.HeadParameters(),
        .. ParameterSpec.LayerNorm("lm_head.layer_norm", HiddenSize),
    ];
}
