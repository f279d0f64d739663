using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Model.Building;
using Engine.Model.HuggingFace;

namespace Engine.Model.Architectures;

/// <summary>
/// BERT with the masked-language-modelling head: dense, the encoder's activation, layer norm, and the word embeddings as output layer
/// (tied).
/// </summary>
internal sealed class BertForMaskedLM(EncoderConfig config) : EncoderArchitecture(config.RequireTied(), "bert.")
{
    public override string Name => nameof(BertForMaskedLM);

    internal override HeadKind Head => HeadKind.MaskedLm;

    public override string? OutputModule => null;

    public override int OutputSize => Config.VocabSize;

    internal override IReadOnlyList<ParameterAlias> Aliases =>
        [new("cls.predictions.decoder.weight", "bert.embeddings.word_embeddings.weight")];

    internal override ModelOutput Build(ForwardBuilder forward)
    {
        Tensor x = forward.Linear(forward.TakeSelected(Stack.Build(forward, positionPaddingId: -1)), "cls.predictions.transform.dense");
        x = forward.LayerNorm(forward.Graph.Activate(x, Stack.Activation), "cls.predictions.transform.LayerNorm", Config.LayerNormEps);
        return new ModelOutput.VocabularyHead(
            x, forward.Parameter($"{InputEmbeddings}.weight"), forward.Parameter("cls.predictions.bias"),
            forward.TrainedRows(InputEmbeddings));
    }

    private protected override IReadOnlyList<LinearSpec> HeadLinears() => [new("cls.predictions.transform.dense", HiddenSize, HiddenSize)];

    private protected override IEnumerable<ParameterSpec> HeadParameters() =>
    [
        new("cls.predictions.bias", new Shape(OutputSize), ParameterInitialization.Zeros) { Decays = false, RowPerToken = true },
        .. base.HeadParameters(),
        .. ParameterSpec.LayerNorm("cls.predictions.transform.LayerNorm", HiddenSize),
    ];
}
