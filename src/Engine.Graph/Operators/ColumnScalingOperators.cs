using Engine.Devices;
using Engine.Kernels;

namespace Engine.Graph.Operators;

/// <summary>
/// ScaLoRA's scales of every layer (<see cref="ColumnScaling.Solve"/>); inputs table, parameters, gradients, step scalars, whether the step
/// is finite, the scales' variable.
/// </summary>
internal sealed class SolveScalesOperator(LowRankTable table, int slot, bool byScale) : Operator
{
    public override string Name => "SolveScales";

    public override bool HasEffects => true;

    public override long WorkspaceBytes(Device device, Node node) => sizeof(float) * ColumnScaling.SolveWorkspace(device, table);

    public override void Lower(Lowering lowering) => lowering.Emit(ColumnScaling.Solve(
        lowering.Device,
        table,
        slot,
        byScale,
        lowering.Input<int>(0),
        lowering.Input<float>(1),
        lowering.Input<float>(2),
        lowering.Input<float>(3),
        lowering.Input<float>(4),
        lowering.Workspace(),
        lowering.Input<float>(5)));
}

/// <summary>
/// Factors, gradients and moments times their scales (<see cref="ColumnScaling.Apply"/>); inputs table, scales, parameters, gradients, m,
/// v.
/// </summary>
internal sealed class ApplyScalesOperator(LowRankTable table) : Operator
{
    public override string Name => "ApplyScales";

    public override bool HasEffects => true;

    public override void Lower(Lowering lowering) => lowering.Emit(ColumnScaling.Apply(
        lowering.Device,
        table,
        lowering.Input<int>(0),
        lowering.Input<float>(1),
        lowering.Input<float>(2),
        lowering.Input<float>(3),
        lowering.Input<float>(4),
        lowering.Input<float>(5)));
}

/// <summary>
/// What scaling changes of a layer's product, into its weight (<see cref="ColumnScaling.Merge"/>); inputs table, parameters, scales,
/// weight.
/// </summary>
internal sealed class MergeScaledOperator(LowRankTable table, int layer) : Operator
{
    public override string Name => "MergeScaled";

    public override bool HasEffects => true;

    public override void Lower(Lowering lowering) => lowering.Emit(ColumnScaling.Merge(
        lowering.Device,
        table,
        layer,
        lowering.Input<int>(0),
        lowering.Input<float>(1),
        ColumnScaling.MergeCoefficients(table, layer, lowering.Input<float>(2)),
        lowering.Input<float>(3)));
}

internal static class ColumnScalingExtensions
{
    /// <summary>Writes the scales of every layer, for L' in a slot of the step's scalars.</summary>
    /// <param name="byScale">L' is that slot times each layer's s^2.</param>
    /// <param name="finite"><see cref="GradientFactors.Finite"/>.</param>
    /// <param name="scales">[<see cref="ColumnScales.Count"/>].</param>
    public static void SolveScales(
        this GraphBuilder graph, LowRankLayers layers, Variable gradients, bool byScale, Tensor scalars, int slot, Tensor finite,
        Variable scales) =>
        graph.Add(
            new SolveScalesOperator(layers.Table, slot, byScale),
            [graph.Read(layers.Words), graph.Read(layers.Values), graph.Read(gradients), scalars, finite, graph.Read(scales)]);

    /// <summary>Scales factors, gradients and moments of every layer.</summary>
    public static void ApplyScales(
        this GraphBuilder graph, LowRankLayers layers, Variable scales, Variable gradients, (Variable First, Variable Second) moments) =>
        graph.Add(new ApplyScalesOperator(layers.Table),
        [
            graph.Read(layers.Words),
            graph.Read(scales),
            graph.Read(layers.Values),
            graph.Read(gradients),
            graph.Read(moments.First),
            graph.Read(moments.Second),
        ]);

    /// <summary>weight += s (B A - B' A') of a layer whose factors are not scaled yet.</summary>
    /// <param name="layer">The layer's place in the table.</param>
    public static void MergeScaled(this GraphBuilder graph, LowRankLayers layers, int layer, Variable scales, Variable weight) =>
        graph.Add(
            new MergeScaledOperator(layers.Table, layer),
            [graph.Read(layers.Words), graph.Read(layers.Values), graph.Read(scales), graph.Read(weight)]);
}
