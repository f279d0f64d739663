using Engine.Kernels;

namespace Engine.Graph.Operators;

/// <summary>y = a + b. Both inputs get dY.</summary>
internal sealed class AddOperator : Operator
{
    public override string Name => "Add";

    public override IReadOnlyList<int> RowInputs => [0, 1];

    public override int InPlaceInput => 0;

    public override void Lower(Lowering lowering) => lowering.Emit(Elementwise.Add(
        lowering.Device, lowering.Node.Outputs[0].Shape.Count, lowering.Input<float>(0), lowering.Input<float>(1),
        lowering.Output<float>(0)));

    public override void Gradient(GradientBuilder gradients)
    {
        gradients.Contribute(0, gradients.OutputGradient());
        gradients.Contribute(1, gradients.OutputGradient());
    }
}

/// <summary>A tensor of one value: zeros, into whose column windows products are added, or a constant.</summary>
internal sealed class FillOperator(float value) : Operator
{
    public override string Name => "Fill";

    public override void Lower(Lowering lowering) => lowering.Emit(Elementwise.Fill(
        lowering.Device, lowering.Node.Outputs[0].Shape.Count, value, lowering.Output<float>(0)));
}

/// <summary>y = activation(x). dX = dY activation'(x).</summary>
internal sealed class ActivationOperator(ActivationKind kind) : Operator
{
    public ActivationKind Kind { get; } = kind;

    public override string Name => Kind.ToString();

    public override IReadOnlyList<int> RowInputs => [0];

    public override int InPlaceInput => 0;

    public override void Lower(Lowering lowering) => lowering.Emit(Activations.Forward(
        lowering.Device, Kind, lowering.Node.Outputs[0].Shape.Count, lowering.Input<float>(0), lowering.Output<float>(0)));

    public override void Gradient(GradientBuilder gradients)
    {
        GraphBuilder graph = gradients.Graph;
        Tensor x = gradients.Saved(gradients.Node.Inputs[0]);
        gradients.Contribute(0, graph.Add(new ActivationGradientOperator(Kind), x.Shape, gradients.OutputGradient(), x));
    }
}

/// <summary>dX = dY activation'(x); inputs dY, x.</summary>
internal sealed class ActivationGradientOperator(ActivationKind kind) : Operator
{
    public override string Name => $"{kind}Gradient";

    public override int InPlaceInput => 0;

    public override void Lower(Lowering lowering) => lowering.Emit(Activations.Backward(
        lowering.Device, kind, lowering.Node.Outputs[0].Shape.Count, lowering.Input<float>(1), lowering.Input<float>(0),
        lowering.Output<float>(0)));
}

/// <summary>y = factor x. dX = factor dY.</summary>
internal sealed class ScaleOperator(float factor) : Operator
{
    public override string Name => "Scale";

    public override IReadOnlyList<int> RowInputs => [0];

    public override int InPlaceInput => 0;

    public override void Lower(Lowering lowering) => lowering.Emit(Elementwise.Scale(
        lowering.Device, lowering.Node.Outputs[0].Shape.Count, factor, lowering.Input<float>(0), lowering.Output<float>(0)));

    public override void Gradient(GradientBuilder gradients) =>
        gradients.Contribute(0, gradients.Graph.Scale(gradients.OutputGradient(), factor));
}

/// <summary>Sums, products and scalings, element by element.</summary>
public static class ElementwiseExtensions
{
    /// <summary>a + b, of one shape.</summary>
    public static Tensor Add(this GraphBuilder graph, Tensor a, Tensor b)
    {
        if (a.Shape != b.Shape)
        {
            throw new ArgumentException($"{a} and {b} cannot be added: their shapes differ.");
        }

        return graph.Add(new AddOperator(), a.Shape, a, b);
    }

    /// <summary>A tensor of zeros.</summary>
    public static Tensor Zeros(this GraphBuilder graph, Shape shape) => graph.Fill(shape, 0f);

    /// <summary>A tensor whose elements are all <paramref name="value"/>.</summary>
    public static Tensor Fill(this GraphBuilder graph, Shape shape, float value) => graph.Add(new FillOperator(value), shape);

    /// <summary>factor x, elementwise.</summary>
    public static Tensor Scale(this GraphBuilder graph, Tensor x, float factor) => graph.Add(new ScaleOperator(factor), x.Shape, x);

    /// <summary>activation(x), elementwise.</summary>
    public static Tensor Activate(this GraphBuilder graph, Tensor x, ActivationKind kind) =>
        graph.Add(new ActivationOperator(kind), x.Shape, x);
}
