using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Kernels;
using Engine.Model.Building;
using Engine.Model.HuggingFace;

namespace Engine.Model.Architectures;

/// <summary>BERT with its pooler (dense and tanh on the first token), dropout and a linear classifier.</summary>
internal sealed class BertForSequenceClassification(EncoderConfig config) : EncoderArchitecture(config, "bert.")
{
    public override string Name => nameof(BertForSequenceClassification);

    internal override HeadKind Head => SequenceHead;

    public override string? OutputModule => "classifier";

    public override int OutputSize => Config.Model.Labels.Count;

    internal override ModelOutput Build(ForwardBuilder forward)
    {
        Tensor first = forward.TakeSelected(Stack.Build(forward, positionPaddingId: -1));
        Tensor pooled = forward.Graph.Activate(forward.Linear(first, "bert.pooler.dense"), ActivationKind.Tanh);
        return new ModelOutput.Logits(forward.Linear(forward.Dropout(pooled, Config.ClassifierDropout), "classifier"));
    }

    private protected override IReadOnlyList<LinearSpec> HeadLinears() =>
    [
        new("bert.pooler.dense", HiddenSize, HiddenSize),
        new("classifier", OutputSize, HiddenSize),
    ];
}
