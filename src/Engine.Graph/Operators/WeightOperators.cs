using Engine.Devices;
using Engine.Kernels;

namespace Engine.Graph.Operators;

/// <summary>
/// A frozen weight plus seeded Gaussian noise, each output row with its own deviation: inputs weight [out, in], deviation [out], random
/// state. The perturbed weight lives in scratch memory while one product reads it; the backward pass makes it again, or reads the weight
/// itself. It has no gradient.
/// </summary>
/// <param name="reachesInputs">The gradient by what is multiplied with the perturbed weight sees the noise.</param>
internal sealed class PerturbWeightOperator(uint stream, bool reachesInputs) : Operator
{
    public override string Name => "PerturbWeight";

    public override bool RecomputeInBackward => true;

    public override Tensor InGradients(Node node) => reachesInputs ? node.Outputs[0] : node.Inputs[0];

    public override void Lower(Lowering lowering)
    {
        Shape weight = lowering.Node.Inputs[0].Shape;
        lowering.Emit(Noise.Perturb(
            lowering.Device, weight.Rows, weight.Columns, stream, lowering.Weight(0), lowering.Input<float>(1), lowering.Input<uint>(2),
            lowering.Output<float>(0)));
    }
}

/// <summary>
/// Flat-LoRA's noise deviation per output row; inputs A W0^T, B, A A^T, step scalars, the deviation variable, which holds the frozen rows'
/// squared norms before.
/// </summary>
internal sealed class FlatDeviationOperator(int slot, int columns, float rho, float loraScale) : Operator
{
    public override string Name => "FlatDeviation";

    public override bool HasEffects => true;

    public override void Lower(Lowering lowering)
    {
        Shape b = lowering.Node.Inputs[1].Shape;
        lowering.Emit(Noise.FlatDeviation(
            lowering.Device,
            slot,
            b.Rows,
            columns,
            b.Columns,
            rho,
            loraScale,
            lowering.Input<float>(0),
            lowering.Input<float>(1),
            lowering.Input<float>(2),
            lowering.Input<float>(3),
            lowering.Input<float>(4)));
    }
}

/// <summary>The squared norm of each row, written to a variable; inputs x [rows, columns], the variable [rows].</summary>
internal sealed class RowSquaredNormsOperator : Operator
{
    public override string Name => "RowSquaredNorms";

    public override bool HasEffects => true;

    public override void Lower(Lowering lowering)
    {
        Shape x = lowering.Node.Inputs[0].Shape;
        lowering.Emit(Reductions.RowSquaredNorms(lowering.Device, x.Rows, x.Columns, lowering.Weight(0), lowering.Input<float>(1)));
    }
}

internal static class WeightExtensions
{
    /// <summary>weight + deviation * noise of the given stream.</summary>
    /// <param name="reachesInputs">
    /// The gradient by what is multiplied with it sees the noise; else that of x (weight + noise)^T by x is the weight's alone.
    /// </param>
    public static Tensor PerturbWeight(
        this GraphBuilder graph, Tensor weight, Tensor deviation, Tensor random, uint stream, bool reachesInputs = true) =>
        graph.Add(new PerturbWeightOperator(stream, reachesInputs), weight.Shape, weight, deviation, random);

    /// <summary>Turns the squared norms of an adapted layer's frozen rows into Flat-LoRA's deviation of each.</summary>
    /// <param name="slot">The slot of <paramref name="scalars"/> with the schedule's factor.</param>
    public static void FlatDeviation(
        this GraphBuilder graph, int columns, float rho, float loraScale, Tensor aw, Tensor b, Tensor gram, Tensor scalars, int slot,
        Variable deviation) =>
        graph.Add(new FlatDeviationOperator(slot, columns, rho, loraScale), [aw, b, gram, scalars, graph.Read(deviation)]);

    /// <summary>Writes the squared norm of each row of x.</summary>
    public static void RowSquaredNorms(this GraphBuilder graph, Tensor x, Variable result) =>
        graph.Add(new RowSquaredNormsOperator(), [x, graph.Read(result)]);
}
