using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Model.Adapters;
using Engine.Model.Architectures;

namespace Engine.Model.Forms;

/// <summary>
/// BeamLoRA's form (arXiv 2502.13604): every rank has a gate, y = x W^T + scale ((x A^T) * r softmax(g / temperature)) B^T. With equal
/// gates it is LoRA, and at any time it is the LoRA of B diag(r softmax(g / temperature)).
/// </summary>
/// <param name="Temperature">Of the softmax.</param>
internal sealed record BeamForm(float Temperature) : AdapterForm
{
    internal const string Gate = "lora_gate";

    public override string Name => "beamlora";

    /// <summary>A layer's gates g [1, rank].</summary>
    /// <exception cref="ArgumentException">The layer is of another form.</exception>
    public static Variable GateOf(LoraLinear layer) => layer.Tensor(Gate);

    /// <summary>What the gates make of each rank: r softmax(g / temperature).</summary>
    /// <param name="gates">g [rank].</param>
    /// <param name="importance">Receives [rank].</param>
    public void Importance(ReadOnlySpan<float> gates, Span<double> importance)
    {
        double largest = double.NegativeInfinity, sum = 0;
        foreach (float gate in gates)
        {
            largest = Math.Max(largest, gate);
        }

        for (int k = 0; k < gates.Length; k++)
        {
            importance[k] = Math.Exp((gates[k] - largest) / Temperature);
            sum += importance[k];
        }

        for (int k = 0; k < gates.Length; k++)
        {
            importance[k] *= gates.Length / sum;
        }
    }

    internal override IReadOnlyList<FormTensor> Tensors(LinearSpec linear, int rank) => [new(Gate, new Shape(1, rank))];

    internal override IReadOnlyList<StoredPart> Stored(LinearSpec linear, int rank, bool oneWidth) =>
    [
        new($"{linear.Module}.{StoredPart.A}.weight", StoredPart.A, new Shape(rank, linear.InFeatures)),
        new($"{linear.Module}.{StoredPart.B}.weight", StoredPart.B, new Shape(linear.OutFeatures, rank)),
        new($"{linear.Module}.{Gate}", Gate, new Shape(1, rank)),
    ];

    internal override Tensor Between(FormPass pass, Tensor projected) => pass.Graph.ScaleColumns(
        projected, pass.Graph.Softmax(pass.Graph.Read(GateOf(pass.Layer)), Temperature, pass.Layer.Rank));

    internal override (float[] A, float[] B) Plain(LoraLinear layer, int pairs)
    {
        var importance = new double[layer.Rank];
        Importance(GateOf(layer).View<float>().ToArray(), importance);
        float[] b = layer.B.View<float>().ToArray();
        for (int i = 0; i < b.Length; i++)
        {
            b[i] = (float)(b[i] * importance[i % layer.Rank]);
        }

        return (layer.A.View<float>().ToArray(), b);
    }
}
