using Engine.Devices;
using Engine.Kernels;

namespace Engine.Graph.Operators;

/// <summary>The low-rank pairs of a run of parameters as one launch works on them.</summary>
/// <param name="Table">Where they lie.</param>
/// <param name="Words">The device's copy of the table's data, int32.</param>
/// <param name="Values">The run of parameters.</param>
internal sealed record LowRankLayers(LowRankTable Table, Variable Words, Variable Values);

/// <summary>
/// EFMLoRA's perturbation of every B (<see cref="LowRank.AscentDirection"/>); inputs table, parameters, gradients, step scalars.
/// </summary>
internal sealed class AscentDirectionOperator(LowRankTable table, int slot) : Operator
{
    public override string Name => "AscentDirection";

    public override long WorkspaceBytes(Device device, Node node) => sizeof(float) * LowRank.AscentDirectionWorkspace(device, table);

    public override void Lower(Lowering lowering) => lowering.Emit(LowRank.AscentDirection(
        lowering.Device,
        table,
        slot,
        lowering.Input<int>(0),
        lowering.Input<float>(1),
        lowering.Input<float>(2),
        lowering.Input<float>(3),
        lowering.Workspace(),
        lowering.Output<float>(0)));
}

/// <summary>
/// Clips scaled products in place (<see cref="LowRank.ClipProducts"/>); inputs table, parameters, step scalars, whether the step is finite,
/// the ratio's variable.
/// </summary>
internal sealed class ClipProductsOperator(LowRankTable table, int slot, bool perLayer) : Operator
{
    public override string Name => "ClipProducts";

    public override bool HasEffects => true;

    public override long WorkspaceBytes(Device device, Node node) => sizeof(float) * LowRank.ClipProductsWorkspace(device, table);

    public override void Lower(Lowering lowering) => lowering.Emit(LowRank.ClipProducts(
        lowering.Device,
        table,
        slot,
        perLayer,
        lowering.Input<int>(0),
        lowering.Input<float>(1),
        lowering.Input<float>(2),
        lowering.Input<float>(3),
        lowering.Input<float>(4),
        lowering.Workspace()));
}

/// <summary>
/// Adds HaLoRA's regulariser to the factors' gradients (<see cref="FactorPenalty.Add"/>); inputs table, parameters, gradients, the norms'
/// variable.
/// </summary>
internal sealed class FactorPenaltyOperator(LowRankTable table, bool spectral, float mu) : Operator
{
    public override string Name => "FactorPenalty";

    public override bool HasEffects => true;

    public override long WorkspaceBytes(Device device, Node node) => sizeof(float) * FactorPenalty.Workspace(device, table);

    public override void Lower(Lowering lowering) => lowering.Emit(FactorPenalty.Add(
        lowering.Device,
        table,
        spectral,
        mu,
        lowering.Input<int>(0),
        lowering.Input<float>(1),
        lowering.Input<float>(2),
        lowering.Workspace(),
        lowering.Input<float>(3)));
}

internal static class LowRankExtensions
{
    /// <summary>Adds the gradient of mu sum (||A A^T|| + ||B^T B||) to the factors' gradients.</summary>
    /// <param name="spectral">Spectral norms, else Frobenius norms.</param>
    /// <param name="gradients">Laid out as the parameters.</param>
    /// <param name="norms">Receives the norms [<see cref="FactorPenalty.NormCount"/>].</param>
    public static void AddFactorPenalty(
        this GraphBuilder graph, LowRankLayers layers, bool spectral, float mu, Variable gradients, Variable norms) => graph.Add(
            new FactorPenaltyOperator(layers.Table, spectral, mu),
            [graph.Read(layers.Words), graph.Read(layers.Values), graph.Read(gradients), graph.Read(norms)]);

    /// <summary>E_B of every layer, one behind the other, for the radius in a slot of the step's scalars.</summary>
    public static Tensor AscentDirection(this GraphBuilder graph, LowRankLayers layers, Variable gradients, Tensor scalars, int slot) =>
        graph.Add(
            new AscentDirectionOperator(layers.Table, slot),
            new Shape(checked((int)layers.Table.DirectionCount)),
            graph.Read(layers.Words),
            graph.Read(layers.Values),
            graph.Read(gradients),
            scalars);

    /// <summary>
    /// Scales every A and B so that the products' norm is at most the radius in a slot of the step's scalars, over all layers or in
    /// each.
    /// </summary>
    /// <param name="finite"><see cref="GradientFactors.Finite"/>.</param>
    /// <param name="ratio">[1] Receives the norm before over the radius.</param>
    public static void ClipProducts(
        this GraphBuilder graph, LowRankLayers layers, bool perLayer, Tensor scalars, int slot, Tensor finite, Variable ratio) => graph.Add(
            new ClipProductsOperator(layers.Table, slot, perLayer),
            [graph.Read(layers.Words), graph.Read(layers.Values), scalars, finite, graph.Read(ratio)]);
}
