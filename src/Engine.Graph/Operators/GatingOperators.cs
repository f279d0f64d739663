using Engine.Devices;
using Engine.Kernels;

namespace Engine.Graph.Operators;

/// <summary>y = scale softmax(x / temperature), row by row; dX by <see cref="Softmax.Backward"/>, summed into a trainable variable where x is one.</summary>
internal sealed class SoftmaxOperator(float temperature, float scale) : Operator
{
    public override string Name => "Softmax";

    public override IReadOnlyList<int> RowInputs => [0];

    public override void Lower(Lowering lowering)
    {
        Shape shape = lowering.Node.Outputs[0].Shape;
        lowering.Emit(Softmax.Forward(
            lowering.Device, shape.Rows, shape.Columns, temperature, scale, lowering.Input<float>(0), lowering.Output<float>(0)));
    }

    public override void Gradient(GradientBuilder gradients)
    {
        GraphBuilder graph = gradients.Graph;
        Tensor y = gradients.Node.Outputs[0], dy = gradients.OutputGradient();
        var backward = new SoftmaxGradientOperator(temperature, scale, adds: gradients.ParameterGradient(0) is not null);
        if (gradients.ParameterGradient(0) is { } gradient)
        {
            graph.Add(backward, [y, dy, graph.Read(gradient)]);
        }
        else
        {
            gradients.Contribute(0, graph.Add(backward, y.Shape, y, dy));
        }
    }
}

/// <summary>The gradient by a softmax's input; inputs y, dY and, where it is added to a variable, that.</summary>
internal sealed class SoftmaxGradientOperator(float temperature, float scale, bool adds) : Operator
{
    public override string Name => "SoftmaxGradient";

    public override bool HasEffects => adds;

    public override void Lower(Lowering lowering)
    {
        Shape shape = lowering.Node.Inputs[0].Shape;
        lowering.Emit(Softmax.Backward(
            lowering.Device,
            shape.Rows,
            shape.Columns,
            temperature,
            scale,
            adds,
            lowering.Input<float>(0),
            lowering.Input<float>(1),
            adds ? lowering.Input<float>(2) : lowering.Output<float>(0)));
    }
}

/// <summary>The weights of the chosen experts (<see cref="Routing.Forward"/>); input probabilities [rows, experts].</summary>
internal sealed class RoutingOperator(int chosen) : Operator
{
    public override string Name => "Routing";

    public override IReadOnlyList<int> RowInputs => [0];

    public override void Lower(Lowering lowering)
    {
        Shape shape = lowering.Node.Outputs[0].Shape;
        lowering.Emit(Routing.Forward(
            lowering.Device, shape.Rows, shape.Columns, chosen, lowering.Input<float>(0), lowering.Output<float>(0)));
    }

    public override void Gradient(GradientBuilder gradients)
    {
        Node node = gradients.Node;
        gradients.Contribute(0, gradients.Graph.Add(
            new RoutingGradientOperator(), node.Outputs[0].Shape, node.Inputs[0], node.Outputs[0], gradients.OutputGradient()));
    }
}

/// <summary>The gradient by a router's probabilities; inputs probabilities, weights, dW.</summary>
internal sealed class RoutingGradientOperator : Operator
{
    public override string Name => "RoutingGradient";

    public override void Lower(Lowering lowering)
    {
        Shape shape = lowering.Node.Outputs[0].Shape;
        lowering.Emit(Routing.Backward(
            lowering.Device,
            shape.Rows,
            shape.Columns,
            lowering.Input<float>(0),
            lowering.Input<float>(1),
            lowering.Input<float>(2),
            lowering.Output<float>(0)));
    }
}

/// <summary>
/// The term of a loss that makes experts share the tokens (<see cref="Routing.Balance"/>); inputs probabilities, weights, row_start, step scalars, [another
/// term]; outputs the term [1], shares of the tokens [experts], mean probabilities [experts]. A loss of its own: it seeds its gradient.
/// </summary>
internal sealed class BalanceOperator(float coefficient, bool hasPrevious) : Operator
{
    public override string Name => "Balance";

    public override void Lower(Lowering lowering)
    {
        Shape shape = lowering.Node.Inputs[0].Shape;
        lowering.Emit(Routing.Balance(
            lowering.Device,
            shape.Rows,
            shape.Columns,
            (int)lowering.Node.Inputs[2].Shape.Count - 1,
            coefficient,
            lowering.Input<float>(0),
            lowering.Input<float>(1),
            lowering.Input<int>(2),
            hasPrevious ? lowering.Input<float>(4) : null,
            lowering.Output<float>(2),
            lowering.Output<float>(1),
            lowering.Output<float>(0)));
    }

    /// <summary>The shares are counts and have no gradient, and neither has the weights' choice.</summary>
    public override void Gradient(GradientBuilder gradients)
    {
        Node node = gradients.Node;
        gradients.Contribute(0, gradients.Graph.Add(
            new BalanceGradientOperator(coefficient), node.Inputs[0].Shape, node.Outputs[1], node.Inputs[2], node.Inputs[3]));
    }
}

/// <summary>The gradient of a balance term by the probabilities; inputs shares of the tokens, row_start, step scalars.</summary>
internal sealed class BalanceGradientOperator(float coefficient) : Operator
{
    public override string Name => "BalanceGradient";

    public override void Lower(Lowering lowering)
    {
        Shape shape = lowering.Node.Outputs[0].Shape;
        lowering.Emit(Routing.BalanceGradient(
            lowering.Device,
            shape.Rows,
            shape.Columns,
            (int)lowering.Node.Inputs[1].Shape.Count - 1,
            coefficient,
            lowering.Input<float>(0),
            lowering.Input<int>(1),
            lowering.Input<float>(2),
            lowering.Output<float>(0)));
    }
}

/// <summary>Heads of columns, each times a number of the row (<see cref="Heads.Weigh"/>); inputs x, w [rows, heads].</summary>
internal sealed class WeighHeadsOperator(bool shared) : Operator
{
    public override string Name => "WeighHeads";

    public override IReadOnlyList<int> RowInputs => [0, 1];

    public override int InPlaceInput => shared ? -1 : 0;

    public override void Lower(Lowering lowering)
    {
        Shape w = lowering.Node.Inputs[1].Shape;
        lowering.Emit(Heads.Weigh(
            lowering.Device,
            w.Rows,
            w.Columns,
            lowering.Node.Outputs[0].Shape.Columns / w.Columns,
            shared,
            lowering.Input<float>(0),
            lowering.Input<float>(1),
            lowering.Output<float>(0)));
    }

    public override void Gradient(GradientBuilder gradients)
    {
        GraphBuilder graph = gradients.Graph;
        Node node = gradients.Node;
        Tensor dy = gradients.OutputGradient(), x = gradients.Saved(node.Inputs[0]), w = node.Inputs[1];
        if (gradients.Wants(1))
        {
            gradients.Contribute(1, graph.Add(new HeadDotsOperator(shared), w.Shape, dy, x));
        }

        if (gradients.Wants(0))
        {
            gradients.Contribute(0, shared
                ? graph.Add(new GatherHeadsOperator(), x.Shape, dy, w)
                : graph.Add(new WeighHeadsOperator(shared: false), x.Shape, dy, w));
        }
    }
}

/// <summary>The gradient by an x that heads share; inputs dY [rows, heads * width], w [rows, heads].</summary>
internal sealed class GatherHeadsOperator : Operator
{
    public override string Name => "GatherHeads";

    public override void Lower(Lowering lowering)
    {
        Shape w = lowering.Node.Inputs[1].Shape;
        lowering.Emit(Heads.Gather(
            lowering.Device,
            w.Rows,
            w.Columns,
            lowering.Node.Outputs[0].Shape.Columns,
            lowering.Input<float>(0),
            lowering.Input<float>(1),
            lowering.Output<float>(0)));
    }
}

/// <summary>The gradient by the heads' weights; inputs dY, x.</summary>
internal sealed class HeadDotsOperator(bool shared) : Operator
{
    public override string Name => "HeadDots";

    public override void Lower(Lowering lowering)
    {
        Shape w = lowering.Node.Outputs[0].Shape;
        lowering.Emit(Heads.Dots(
            lowering.Device,
            w.Rows,
            w.Columns,
            lowering.Node.Inputs[0].Shape.Columns / w.Columns,
            shared,
            lowering.Input<float>(0),
            lowering.Input<float>(1),
            lowering.Output<float>(0)));
    }
}

/// <summary>What a layer's term of the loss is, and what its parts are.</summary>
/// <param name="Term">coefficient * experts * sum_e Shares_e Means_e, and the terms before it, [1].</param>
/// <param name="Shares">The share of tokens that chose each expert, [experts].</param>
internal sealed record BalanceTerm(Tensor Term, Tensor Shares);

internal static class GatingExtensions
{
    /// <summary>scale softmax(x / temperature) of each row.</summary>
    public static Tensor Softmax(this GraphBuilder graph, Tensor x, float temperature = 1f, float scale = 1f) =>
        graph.Add(new SoftmaxOperator(temperature, scale), x.Shape, x);

    /// <summary>The probabilities of the <paramref name="chosen"/> likeliest experts over their sum, 0 for the others, [rows, experts].</summary>
    public static Tensor Route(this GraphBuilder graph, Tensor probabilities, int chosen) => chosen >= 1 && chosen <= probabilities.Shape.Columns
        ? graph.Add(new RoutingOperator(chosen), probabilities.Shape, probabilities)
        : throw new ArgumentException($"{chosen} of {probabilities.Shape.Columns} experts cannot be chosen.", nameof(chosen));

    /// <summary>The term that makes experts share the tokens, added to the terms before it.</summary>
    /// <param name="weights">What <see cref="Route"/> made of the probabilities.</param>
    /// <param name="rowStart">int32 [texts + 1]; rows behind its last number are no tokens.</param>
    public static BalanceTerm Balance(
        this GraphBuilder graph, Tensor probabilities, Tensor weights, Tensor rowStart, Tensor scalars, float coefficient, Tensor? previous = null)
    {
        Tensor[] inputs = [probabilities, weights, rowStart, scalars, .. previous is null ? [] : new[] { previous }];
        var experts = new Shape(probabilities.Shape.Columns);
        IReadOnlyList<Tensor> outputs = graph.Add(new BalanceOperator(coefficient, previous is not null), inputs, new Shape(1), experts, experts);
        return new BalanceTerm(outputs[0], outputs[1]);
    }

    /// <summary>Each head of x's columns times its weight; w [rows, heads].</summary>
    /// <param name="shared">x [rows, width] is every head's, and the result [rows, heads * width].</param>
    public static Tensor WeighHeads(this GraphBuilder graph, Tensor x, Tensor w, bool shared = false)
    {
        int columns = shared ? w.Shape.Columns * x.Shape.Columns : x.Shape.Columns;
        return x.Shape.Rows == w.Shape.Rows && columns % w.Shape.Columns == 0
            ? graph.Add(new WeighHeadsOperator(shared), new Shape(x.Shape.Rows, columns), x, w)
            : throw new ArgumentException($"{w} does not weigh the columns of {x}.");
    }
}
