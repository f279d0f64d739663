using Engine.Devices;
using Engine.Kernels;

namespace Engine.Graph.Operators;

/// <summary>Tensors of a run of memory, its segments, as one launch works on them.</summary>
public sealed class TensorSegments
{
    /// <param name="table">Where they lie.</param>
    /// <param name="words">The device's copy of the table, int32 [<see cref="SegmentTable.WordCount"/>].</param>
    internal TensorSegments(SegmentTable table, Variable words) => (Table, Words) = (table, words);

    /// <summary>[segments]: the shape of one number a segment.</summary>
    public Shape Shape => new(Table.SegmentCount);

    /// <summary>The elements of all segments one after another: how long a packed copy of them is.</summary>
    public int PackedCount => Table.PackedCount;

    internal SegmentTable Table { get; }

    internal Variable Words { get; }
}

/// <summary>A number for each segment; inputs the table, two runs or packed tensors; output [segments].</summary>
internal sealed class SegmentDotsOperator(SegmentTable table, bool xPacked, bool yPacked) : Operator
{
    public override string Name => "SegmentDots";

    /// <summary>The segments' elements of each operand; a run may hold more.</summary>
    public override long MovedBytes(Node node) =>
        (sizeof(float) * (long)table.PackedCount * node.Inputs.Skip(1).Distinct().Count()) + node.Outputs[0].Bytes;

    public override long WorkspaceBytes(Device device, Node node) => sizeof(float) * Segments.Workspace(table);

    public override void Lower(Lowering lowering) => lowering.Emit(Segments.Dots(
        lowering.Device,
        table,
        lowering.Input<int>(0),
        lowering.Input<float>(1),
        xPacked,
        lowering.Input<float>(2),
        yPacked,
        lowering.Workspace(),
        lowering.Output<float>(0)));
}

/// <summary>ASAM's squared norm of each segment; inputs the table, weights, gradients; output [segments].</summary>
internal sealed class AdaptiveNormsOperator(SegmentTable table, float eta) : Operator
{
    public override string Name => "AdaptiveNorms";

    /// <summary>The segments' elements of weights and gradients.</summary>
    public override long MovedBytes(Node node) => (2 * sizeof(float) * (long)table.PackedCount) + node.Outputs[0].Bytes;

    public override long WorkspaceBytes(Device device, Node node) => sizeof(float) * Segments.Workspace(table);

    public override void Lower(Lowering lowering) => lowering.Emit(Segments.AdaptiveNorms(
        lowering.Device, table, lowering.Input<int>(0), eta, lowering.Input<float>(1), lowering.Input<float>(2), lowering.Workspace(),
        lowering.Output<float>(0)));
}

/// <summary>
/// A <see cref="SegmentMap"/>; inputs the table, the run, then factors, packed values and gradients as far as the map uses them.
/// </summary>
internal sealed class SegmentMapOperator(SegmentTable table, SegmentMap map, float eta, bool hasFactors, bool hasPacked, bool hasGradient)
    : Operator
{
    public override string Name => $"Segment{map}";

    public override long MovedBytes(Node node) => Segments.MapBytes(table, map);

    public override bool HasEffects => true;

    public override void Lower(Lowering lowering)
    {
        int next = 2;
        BufferView<float> Next(bool present) => present ? lowering.Input<float>(next++) : default;
        lowering.Emit(Segments.Map(
            lowering.Device, table, lowering.Input<int>(0), map, eta, Next(hasFactors), lowering.Input<float>(1), Next(hasPacked),
            Next(hasGradient)));
    }
}

/// <summary>
/// SAM's factors; inputs squared norms [segments], where tensors are left out the mask, where a step chooses its radius that; output
/// [segments].
/// </summary>
internal sealed class SamFactorsOperator(float numerator, bool hasMask, bool hasRadius) : Operator
{
    public override string Name => "SamFactors";

    public override void Lower(Lowering lowering) => lowering.Emit(StepFactors.Sam(
        lowering.Device,
        (int)lowering.Node.Outputs[0].Shape.Count,
        numerator,
        lowering.Input<float>(0),
        hasMask ? lowering.Input<float>(1) : null,
        hasRadius ? lowering.Input<float>(hasMask ? 2 : 1) : null,
        lowering.Output<float>(0)));
}

/// <summary>
/// A radius by the rise of the loss (<see cref="StepFactors.Radius"/>); inputs sums [segments], step scalars, loss, the radius's variable
/// and, where tensors are left out, the mask.
/// </summary>
internal sealed class AscentRadiusOperator(RadiusRule rule, int slot) : Operator
{
    public override string Name => "AscentRadius";

    public override bool HasEffects => true;

    public override void Lower(Lowering lowering) => lowering.Emit(StepFactors.Radius(
        lowering.Device,
        slot,
        (int)lowering.Node.Inputs[0].Shape.Count,
        rule,
        lowering.Input<float>(0),
        lowering.Node.Inputs.Count > 4 ? lowering.Input<float>(4) : null,
        lowering.Input<float>(1),
        lowering.Input<float>(2),
        lowering.Input<float>(3)));
}

/// <summary>LookSAM's factor of a projection; inputs dots, squared norms [segments]; output [segments].</summary>
internal sealed class ProjectionFactorsOperator : Operator
{
    public override string Name => "ProjectionFactors";

    public override void Lower(Lowering lowering) => lowering.Emit(StepFactors.Projection(
        lowering.Device, (int)lowering.Node.Outputs[0].Shape.Count, lowering.Input<float>(0), lowering.Input<float>(1),
        lowering.Output<float>(0)));
}

/// <summary>a times a ratio of norms; inputs squared norms, the others' squared norms [segments]; output [segments].</summary>
internal sealed class NormRatioFactorsOperator(float a) : Operator
{
    public override string Name => "NormRatioFactors";

    public override void Lower(Lowering lowering) => lowering.Emit(StepFactors.NormRatio(
        lowering.Device, (int)lowering.Node.Outputs[0].Shape.Count, a, lowering.Input<float>(0), lowering.Input<float>(1),
        lowering.Output<float>(0)));
}

/// <summary>
/// BAR's factors; inputs squared norms of A and B of each pair [2 pairs], step scalars, whether the step is finite; output [2 pairs].
/// </summary>
internal sealed class BalanceFactorsOperator(int slot, bool growsLarger) : Operator
{
    public override string Name => "BalanceFactors";

    public override void Lower(Lowering lowering) => lowering.Emit(StepFactors.Balance(
        lowering.Device, slot, (int)lowering.Node.Outputs[0].Shape.Count / 2, growsLarger, lowering.Input<float>(0),
        lowering.Input<float>(1), lowering.Input<float>(2), lowering.Output<float>(0)));
}

/// <summary>Norms, products and changes of many tensors in one launch, and the factors that perturbations take from them.</summary>
public static class SegmentExtensions
{
    /// <summary>The squared norm of each segment of a run, [segments].</summary>
    public static Tensor SegmentNorms(this GraphBuilder graph, TensorSegments segments, Variable run) =>
        graph.SegmentDots(segments, run, false, run, false);

    /// <summary>x . y of each segment, [segments]; each operand a run, or packed.</summary>
    public static Tensor SegmentDots(
        this GraphBuilder graph, TensorSegments segments, Variable x, bool xPacked, Variable y, bool yPacked) => graph.Add(
        new SegmentDotsOperator(segments.Table, xPacked, yPacked), segments.Shape, graph.Read(segments.Words), graph.Read(x),
        graph.Read(y));

    /// <summary>ASAM's squared norm of each segment's gradient, [segments].</summary>
    public static Tensor AdaptiveNorms(
        this GraphBuilder graph, TensorSegments segments, Variable weights, Variable gradients, float eta) => graph.Add(
        new AdaptiveNormsOperator(segments.Table, eta), segments.Shape, graph.Read(segments.Words), graph.Read(weights),
        graph.Read(gradients));

    /// <summary>Changes every element of every segment as <paramref name="map"/> says.</summary>
    /// <param name="factors">[segments].</param>
    /// <param name="packed">[<see cref="TensorSegments.PackedCount"/>].</param>
    public static void MapSegments(
        this GraphBuilder graph, TensorSegments segments, SegmentMap map, Variable run, Tensor? factors = null, Variable? packed = null,
        Variable? gradient = null, float eta = 0)
    {
        List<Tensor> inputs = [graph.Read(segments.Words), graph.Read(run)];
        if (factors is not null)
        {
            inputs.Add(factors);
        }

        foreach (Variable? operand in (ReadOnlySpan<Variable?>)[packed, gradient])
        {
            if (operand is not null)
            {
                inputs.Add(graph.Read(operand));
            }
        }

        graph.Add(
            new SegmentMapOperator(segments.Table, map, eta, factors is not null, packed is not null, gradient is not null), [.. inputs]);
    }

    /// <summary>
    /// The factor of each segment's gradient in a perturbation of the given radius, one norm over all segments of the mask.
    /// </summary>
    /// <param name="numerator">The radius, or what it is multiplied by.</param>
    /// <param name="radius">[1] The radius of this step; null: 1.</param>
    public static Tensor SamFactors(this GraphBuilder graph, Tensor squares, float numerator, Tensor? mask = null, Tensor? radius = null) =>
        graph.Add(
            new SamFactorsOperator(numerator, mask is not null, radius is not null),
            squares.Shape,
            [squares, .. mask is null ? (Tensor[])[] : [mask], .. radius is null ? (Tensor[])[] : [radius]]);

    /// <summary>
    /// Writes the radius at which a perturbation raises the loss by the step's target.
    /// </summary>
    /// <param name="sums">A number for each segment, whose sum is the slope or its square.</param>
    /// <param name="slot">The slot of <paramref name="scalars"/> with the target.</param>
    /// <param name="loss">[1] The loss that the target is a share of.</param>
    internal static void AscentRadius(
        this GraphBuilder graph, RadiusRule rule, Tensor sums, Tensor scalars, int slot, Tensor loss, Variable radius,
        Tensor? mask = null)
    {
        Tensor[] operands = [sums, scalars, loss, graph.Read(radius)];
        graph.Add(new AscentRadiusOperator(rule, slot), mask is null ? operands : [.. operands, mask]);
    }

    /// <summary>-(sum of dots) / (sum of squares), for every segment.</summary>
    public static Tensor ProjectionFactors(this GraphBuilder graph, Tensor dots, Tensor squares) =>
        graph.Add(new ProjectionFactorsOperator(), dots.Shape, dots, squares);

    /// <summary>a times the norm over the other norm, for every segment.</summary>
    public static Tensor NormRatioFactors(this GraphBuilder graph, Tensor squares, Tensor otherSquares, float a) =>
        graph.Add(new NormRatioFactorsOperator(a), squares.Shape, squares, otherSquares);

    /// <summary>BAR's factors of pairs A, B, A, B, ...</summary>
    /// <param name="finite"><see cref="GradientFactors.Finite"/>.</param>
    /// <param name="slot">The slot of <paramref name="scalars"/> with the schedule's factor.</param>
    /// <param name="growsLarger">nBAR: the larger grows; oBAR: it shrinks.</param>
    public static Tensor BalanceFactors(
        this GraphBuilder graph, Tensor squares, Tensor scalars, int slot, Tensor finite, bool growsLarger) =>
        graph.Add(new BalanceFactorsOperator(slot, growsLarger), squares.Shape, squares, scalars, finite);
}
