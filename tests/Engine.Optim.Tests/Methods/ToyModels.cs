using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Model.Architectures;
using Engine.Model.Execution;
using Engine.Model.HuggingFace;

namespace Engine.Optim.Tests.Methods;

/// <summary>What toy models share: texts of one token, a head that predicts a number or one of two classes.</summary>
internal abstract class ToyModel : Architecture
{
    public override string Name => "Toy";

    public override HeadKind Head => HeadKind.Regression;

    public override ModelConfig ModelConfig => throw new NotSupportedException("A toy model has no configuration file.");

    public override string BasePrefix => "";

    public override IReadOnlyList<IReadOnlyList<LinearSpec>> LinearGroups => [];

    public override string? OutputModule => null;

    public override int HiddenSize => 1;

    public override int VocabularySize => 8;

    public override int NumLayers => 1;

    public override int OutputSize => 1;

    public override int MaxLength => 1;

    public override int PadTokenId => 0;

    public override float InitializerRange => 1;

    public override void FillPositions(ReadOnlySpan<int> inputIds, Span<int> positions) => positions.Clear();
}

/// <summary>
/// The prediction is the token's row of a table. With targets 0 the loss is the quadratic 1/2 w^T H w, H diagonal: H_ii = 2 (how often token i is in the batch) / n.
/// </summary>
/// <param name="name">The table's name; ASAM scales those with "weight" in it.</param>
internal sealed class TableModel(string name = "table.weight", HeadKind head = HeadKind.Regression) : ToyModel
{
    public override HeadKind Head => head;

    public override int OutputSize => head == HeadKind.Regression ? 1 : 2;

    public override IReadOnlyList<ParameterSpec> Parameters => [new(name, new Shape(VocabularySize, OutputSize), ParameterInitialization.Normal)];

    public override ModelOutput Build(ForwardBuilder forward) => new ModelOutput.Logits(
        forward.TakeSelected(forward.Graph.Embedding(forward.Parameter(name), forward.Batch.InputIds)));
}

/// <summary>Two linear layers without bias or activation on a token's row: second(first(x)), both of which may carry adapters.</summary>
internal sealed class TwoLayerModel : ToyModel
{
    private const int Inner = 5;
    private const int Width = 6;

    public override IReadOnlyList<ParameterSpec> Parameters =>
    [
        new("table.weight", new Shape(VocabularySize, Width), ParameterInitialization.Normal),
        new("first.weight", new Shape(Inner, Width), ParameterInitialization.Normal),
        new("second.weight", new Shape(1, Inner), ParameterInitialization.Normal),
    ];

    public override IReadOnlyList<IReadOnlyList<LinearSpec>> LinearGroups => [[new("first", Inner, Width)], [new("second", 1, Inner)]];

    public override ModelOutput Build(ForwardBuilder forward)
    {
        Tensor x = forward.TakeSelected(forward.Graph.Embedding(forward.Parameter("table.weight"), forward.Batch.InputIds));
        return new ModelOutput.Logits(forward.Linear(forward.Linear(x, "first"), "second"));
    }
}
