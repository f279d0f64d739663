using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Model.Adapters;
using Engine.Model.Architectures;
using Engine.Model.Building;
using Engine.Model.Execution;
using Engine.Model.HuggingFace;

namespace Engine.Optim.Tests.Methods;

/// <summary>What toy models share: texts of one token, a head that predicts a number or one of two classes.</summary>
internal abstract class ToyModel : Architecture
{
    public override string InputEmbeddings => "table";

    public override int? EmbeddingPaddingId => null;

    public override string Name => "Toy";

    internal override HeadKind Head => HeadKind.Regression;

    internal override ModelConfig ModelConfig => throw new NotSupportedException("A toy model has no configuration file.");

    public override string BasePrefix => "";

    internal override IReadOnlyList<IReadOnlyList<LinearSpec>> LinearGroups => [];

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
/// The prediction is the token's row of a table. With targets 0 the loss is the quadratic 1/2 w^T H w, H diagonal: H_ii = 2 (how often
/// token i is in the batch) / n.
/// </summary>
/// <param name="name">The table's name; ASAM scales those with "weight" in it.</param>
internal sealed class TableModel(string name = "table.weight", HeadKind head = HeadKind.Regression) : ToyModel
{
    internal override HeadKind Head => head;

    public override int OutputSize => head == HeadKind.Regression ? 1 : 2;

    internal override IReadOnlyList<ParameterSpec> Parameters =>
        [new(name, new Shape(VocabularySize, OutputSize), ParameterInitialization.Normal)];

    internal override ModelOutput Build(ForwardBuilder forward) => new ModelOutput.Logits(
        forward.TakeSelected(forward.Graph.Embedding(forward.Parameter(name), forward.Batch.InputIds)));
}

/// <summary>Two linear layers without bias or activation on a token's row: second(first(x)), both of which may carry adapters.</summary>
internal sealed class TwoLayerModel : ToyModel
{
    private const int Inner = 5;
    private const int Width = 6;

    internal override IReadOnlyList<ParameterSpec> Parameters =>
    [
        new("table.weight", new Shape(VocabularySize, Width), ParameterInitialization.Normal),
        new("first.weight", new Shape(Inner, Width), ParameterInitialization.Normal),
        new("second.weight", new Shape(1, Inner), ParameterInitialization.Normal),
    ];

    internal override IReadOnlyList<IReadOnlyList<LinearSpec>> LinearGroups => [[new("first", Inner, Width)], [new("second", 1, Inner)]];

    public override string? OutputModule => "second";

    internal override ModelOutput Build(ForwardBuilder forward)
    {
        Tensor x = forward.TakeSelected(forward.Graph.Embedding(forward.Parameter("table.weight"), forward.Batch.InputIds));
        return new ModelOutput.Logits(forward.Linear(forward.Linear(x, "first"), "second"));
    }
}

/// <summary>
/// One linear layer with four classes on a token's row. <see cref="Saturate"/> makes its loss linear in the weight: the probabilities are 0
/// and 1 to the bit and stay so under any small change.
/// </summary>
internal sealed class LinearModel : ToyModel
{
    public const int Inputs = 6;
    public const int Classes = 4;
    public const string Layer = "layer";

    /// <summary>Logits lie this far apart, and float32's exponential is 0 below -104.</summary>
    private const float Far = 1e5f;

    internal override HeadKind Head => HeadKind.SequenceClassification;

    public override int OutputSize => Classes;

    internal override IReadOnlyList<ParameterSpec> Parameters =>
    [
        new("table.weight", new Shape(VocabularySize, Inputs), ParameterInitialization.Normal),
        new($"{Layer}.weight", new Shape(Classes, Inputs), ParameterInitialization.Normal),
    ];

    internal override IReadOnlyList<IReadOnlyList<LinearSpec>> LinearGroups => [[new(Layer, Classes, Inputs)]];

    /// <summary>The layer with an adapter.</summary>
    public static Tuning Adapter { get; } = new Tuning.Lora([new LoraTarget(Layer, 2, 2f, 0f)], []);

    internal override ModelOutput Build(ForwardBuilder forward) => new ModelOutput.Logits(forward.Linear(
        forward.TakeSelected(forward.Graph.Embedding(forward.Parameter("table.weight"), forward.Batch.InputIds)), Layer));

    /// <summary>
    /// Sets the frozen weights; returns the loss's gradient by the layer's weight, [classes, inputs], which is the same everywhere near.
    /// </summary>
    public static double[,] Saturate(ToyRun run)
    {
        float[] weight = [.. run.Model.Parameter($"{Layer}.weight").View<float>().ToArray().Select(value => Far * value)];
        run.Model.Parameter($"{Layer}.weight").View<float>().Write(weight);
        float[] table = run.Model.Parameter("table.weight").View<float>().ToArray();
        var gradient = new double[Classes, Inputs];
        foreach (int token in ToyRun.Tokens)
        {
            double[] logits = [.. Enumerable.Range(0, Classes)
                .Select(c => Enumerable.Range(0, Inputs).Sum(j => (double)weight[(c * Inputs) + j] * table[(token * Inputs) + j]))];
            int chosen = Array.IndexOf(logits, logits.Max());
            Assert.InRange(logits.Order().TakeLast(2).Aggregate((second, first) => first - second), 1000, double.PositiveInfinity);
            for (int j = 0; j < Inputs; j++)
            {
                // The label is 0, and the probability of the chosen class is 1.
                double x = table[(token * Inputs) + j] / (double)ToyRun.Tokens.Length;
                gradient[chosen, j] += x;
                gradient[0, j] -= x;
            }
        }

        return gradient;
    }
}

/// <summary>One wide linear layer on a token's row, for what takes many numbers.</summary>
internal sealed class WideModel : ToyModel
{
    private const int Outputs = 4096;

    /// <summary>The layer with an adapter.</summary>
    public static Tuning Adapter { get; } = new Tuning.Lora([new LoraTarget("wide", 2, 2f, 0f)], []);

    internal override HeadKind Head => HeadKind.SequenceClassification;

    public override int OutputSize => Outputs;

    internal override IReadOnlyList<ParameterSpec> Parameters =>
    [
        new("table.weight", new Shape(VocabularySize, 3), ParameterInitialization.Normal),
        new("wide.weight", new Shape(Outputs, 3), ParameterInitialization.Normal),
    ];

    internal override IReadOnlyList<IReadOnlyList<LinearSpec>> LinearGroups => [[new("wide", Outputs, 3)]];

    internal override ModelOutput Build(ForwardBuilder forward) => new ModelOutput.Logits(forward.Linear(
        forward.TakeSelected(forward.Graph.Embedding(forward.Parameter("table.weight"), forward.Batch.InputIds)), "wide"));
}
