using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Kernels;
using Engine.Model.Building;
using Engine.Model.HuggingFace;

namespace Engine.Model.Architectures;

/// <summary>RoBERTa with a two-layer head on the first token: dropout, dense, tanh, dropout, projection.</summary>
internal sealed class RobertaForSequenceClassification(EncoderConfig config) : RobertaArchitecture(config)
{
    public override string Name => nameof(RobertaForSequenceClassification);

    internal override HeadKind Head => SequenceHead;

    public override string? OutputModule => "classifier.out_proj";

    public override int OutputSize => Config.Model.Labels.Count;

    internal override ModelOutput Build(ForwardBuilder forward)
    {
        Tensor first = forward.TakeSelected(Encode(forward));
        Tensor dense = forward.Linear(forward.Dropout(first, Config.ClassifierDropout), "classifier.dense");
        Tensor activated = forward.Dropout(forward.Graph.Activate(dense, ActivationKind.Tanh), Config.ClassifierDropout);
        return new ModelOutput.Logits(forward.Linear(activated, "classifier.out_proj"));
    }

    private protected override IReadOnlyList<LinearSpec> HeadLinears() =>
    [
        new("classifier.dense", HiddenSize, HiddenSize),
        new("classifier.out_proj", OutputSize, HiddenSize),
    ];
}
