using Engine.Devices;
using Engine.Kernels;

namespace Engine.Graph.Operators;

/// <summary>A range of a matrix's columns.</summary>
public readonly record struct ColumnWindow(int Offset, int Count);

/// <summary>
/// c = activation(alpha a op(b) + addTo + bias) + residual. A linear layer is the NT form with x and W [out, in];
/// a LoRA branch's second half is the same with a column window of the shared first half, added to the base output. b may be a weight
/// stored in 16 bits (NT and NN); a is float32.
/// </summary>
/// <remarks>
/// Gradient contract: a gets dY b alpha (accumulated inside the product), a trainable b and bias sum into their gradient variables, a
/// computed b gets alpha dY^T a, addTo gets dY. Fused forms (activation, residual) are made after differentiation and have no gradient.
/// </remarks>
internal sealed class MatMulOperator : Operator
{
    public required MatMulLayout Layout { get; init; }

    public float Alpha { get; init; } = 1f;

    /// <summary>The columns of a that are multiplied; null for all.</summary>
    public ColumnWindow? WindowA { get; init; }

    /// <summary>The columns of b that are multiplied, in the NN and TN forms; null for all.</summary>
    public ColumnWindow? WindowB { get; init; }

    /// <summary>The columns of the output that are written, the others staying as addTo has them; null for all.</summary>
    public ColumnWindow? WindowOutput { get; init; }

    public bool HasBias { get; init; }

    public bool HasAddTo { get; init; }

    public bool HasResidual { get; init; }

    public ActivationKind Activation { get; init; }

    /// <summary>Output 1 holds what the activation was applied to.</summary>
    public bool KeepsPreactivation { get; init; }

    /// <summary>The type of the product where b stores it: the graph's.</summary>
    public ElementType Products { get; init; } = ElementType.Float32;

    public override string Name => "MatMul";

    public override int InPlaceInput => HasAddTo ? AddToIndex : -1;

    public override IReadOnlyList<int> RowInputs
    {
        get
        {
            List<int> inputs = [0];
            if (HasAddTo)
            {
                inputs.Add(AddToIndex);
            }

            if (HasResidual)
            {
                inputs.Add(ResidualIndex);
            }

            return Layout == MatMulLayout.TN ? [] : inputs;
        }
    }

    internal int BiasIndex => 2;

    internal int AddToIndex => HasBias ? 3 : 2;

    internal int ResidualIndex => AddToIndex + (HasAddTo ? 1 : 0);

    /// <summary>A copy with another epilogue.</summary>
    internal MatMulOperator With(bool residual, ActivationKind activation, bool keepsPreactivation) => new()
    {
        Layout = Layout,
        Alpha = Alpha,
        WindowA = WindowA,
        WindowB = WindowB,
        WindowOutput = WindowOutput,
        HasBias = HasBias,
        HasAddTo = HasAddTo,
        HasResidual = residual,
        Activation = activation,
        KeepsPreactivation = keepsPreactivation,
        Products = Products,
    };

    /// <summary>Windows of a, b and c alone.</summary>
    public override long MovedBytes(Node node)
    {
        MatMulShape shape = ShapeOf(node);
        int results = 1 + (HasAddTo ? 1 : 0) + (HasResidual ? 1 : 0) + (KeepsPreactivation ? 1 : 0);
        return (sizeof(float) * (((long)shape.M * shape.K) + ((long)results * shape.M * shape.N) + (HasBias ? shape.N : 0)))
            + ((long)shape.N * shape.K * node.Inputs[1].Type.SizeInBytes());
    }

    public override double ProductOperations(Node node)
    {
        MatMulShape shape = ShapeOf(node);
        return 2.0 * shape.M * shape.N * shape.K;
    }

    public override long WorkspaceBytes(Device device, Node node) =>
        sizeof(float) * MatMul.Workspace(device, ShapeOf(node), node.Inputs[1].Type);

    public override void Lower(Lowering lowering)
    {
        BufferView<float> output = lowering.Output<float>(0);
        if (HasAddTo && !lowering.InPlace(AddToIndex))
        {
            lowering.Emit(Elementwise.Copy(lowering.Device, output.Length, lowering.Input<float>(AddToIndex), output));
        }

        BufferView<float> a = Windowed(lowering.Input<float>(0), WindowA);
        WeightView b = WindowB is null ? lowering.Weight(1) : Windowed(lowering.Input<float>(1), WindowB);
        lowering.Emit(MatMul.Bind(
            lowering.Device,
            ShapeOf(lowering.Node),
            a,
            b,
            Windowed(output, WindowOutput),
            HasBias ? lowering.Input<float>(BiasIndex) : null,
            HasResidual ? lowering.Input<float>(ResidualIndex) : null,
            KeepsPreactivation ? lowering.Output<float>(1) : null,
            lowering.Workspace()));
    }

    public override void Gradient(GradientBuilder gradients)
    {
        if (Layout != MatMulLayout.NT || Activation != ActivationKind.None || HasResidual || WindowOutput is not null)
        {
            throw new NotSupportedException($"{Name}: only the unfused NT form has a gradient; differentiate before fusing.");
        }

        Node node = gradients.Node;
        GraphBuilder graph = gradients.Graph;
        Tensor dy = gradients.OutputGradient();
        if (gradients.ParameterGradient(1) is { } weightGradient)
        {
            graph.SumProduct(dy, gradients.Saved(node.Inputs[0]), weightGradient, Alpha, WindowA);
        }
        else if (node.Inputs[1].Variable is null && gradients.Wants(1))
        {
            gradients.Contribute(1, existing => graph.MatMul(
                dy, gradients.Saved(node.Inputs[0]), MatMulLayout.TN, Alpha, addTo: existing, windowB: WindowA));
        }

        if (HasBias && gradients.ParameterGradient(BiasIndex) is { } biasGradient)
        {
            graph.SumColumns(dy, biasGradient);
        }

        if (gradients.Wants(0))
        {
            Tensor factor = node.Inputs[1];
            bool isFirstOutput = factor.Producer?.Outputs[0] == factor;
            Tensor b = gradients.Saved(isFirstOutput ? factor.Producer!.Operator.InGradients(factor.Producer) : factor);
            gradients.Contribute(0, existing => graph.MatMul(
                dy,
                b,
                MatMulLayout.NN,
                Alpha,
                addTo: existing ?? (WindowA is null ? null : graph.Zeros(node.Inputs[0].Shape)),
                windowOutput: WindowA));
        }

        if (HasAddTo)
        {
            gradients.Contribute(AddToIndex, dy);
        }
    }

    private static BufferView<float> Windowed(BufferView<float> view, ColumnWindow? window) =>
        window is { Offset: > 0 } columns ? view.Slice(columns.Offset, view.Length - columns.Offset) : view;

    private MatMulShape ShapeOf(Node node)
    {
        Shape a = node.Inputs[0].Shape;
        Shape b = node.Inputs[1].Shape;
        int columnsA = WindowA?.Count ?? a.Columns;
        int columnsB = WindowB?.Count ?? b.Columns;
        (int m, int n, int k) = Layout switch
        {
            MatMulLayout.NN => (a.Rows, columnsB, columnsA),
            MatMulLayout.NT => (a.Rows, b.Rows, columnsA),
            _ => (columnsA, columnsB, a.Rows),
        };
        return new MatMulShape(m, n, k, Layout)
        {
            StrideA = a.Columns,
            StrideB = WindowB is null ? 0 : b.Columns,
            StrideC = node.Outputs[0].Shape.Columns,
            Alpha = Alpha,
            Beta = HasAddTo ? 1f : 0f,
            Activation = Activation,
            Products = node.Inputs[1].Type == Products ? Products : ElementType.Float32,
        };
    }
}

/// <summary>gradient += alpha a^T b: the gradient by a weight, summed over tokens and over micro-batches.</summary>
internal sealed class SumProductOperator : Operator
{
    public float Alpha { get; init; } = 1f;

    /// <summary>The columns of b that are multiplied; null for all.</summary>
    public ColumnWindow? WindowB { get; init; }

    public override string Name => "MatMul";

    public override bool HasEffects => true;

    /// <summary>a, the columns of b, and the gradient there and back.</summary>
    public override long MovedBytes(Node node)
    {
        Shape b = node.Inputs[1].Shape;
        return node.Inputs[0].Bytes + (sizeof(float) * (long)b.Rows * (WindowB?.Count ?? b.Columns)) + (2 * node.Inputs[2].Bytes);
    }

    public override double ProductOperations(Node node) =>
        2.0 * node.Inputs[0].Shape.Count * (WindowB?.Count ?? node.Inputs[1].Shape.Columns);

    public override void Lower(Lowering lowering)
    {
        Shape a = lowering.Node.Inputs[0].Shape;
        Shape b = lowering.Node.Inputs[1].Shape;
        BufferView<float> viewB = lowering.Input<float>(1);
        if (WindowB is { Offset: > 0 } window)
        {
            viewB = viewB.Slice(window.Offset, viewB.Length - window.Offset);
        }

        lowering.Emit(MatMul.Bind(
            lowering.Device,
            new MatMulShape(a.Columns, WindowB?.Count ?? b.Columns, a.Rows, MatMulLayout.TN)
            {
                StrideB = b.Columns,
                Alpha = Alpha,
                Beta = 1f
            },
            lowering.Input<float>(0),
            viewB,
            lowering.Input<float>(2)));
    }
}

/// <summary>gradient += the sum of x's rows: the gradient by a bias.</summary>
internal sealed class SumColumnsOperator : Operator
{
    public override string Name => "SumColumns";

    public override bool HasEffects => true;

    public override long WorkspaceBytes(Device device, Node node) =>
        sizeof(float) * Reductions.ColumnSumsWorkspace(device, node.Inputs[0].Shape.Rows, node.Inputs[0].Shape.Columns);

    public override void Lower(Lowering lowering)
    {
        Shape x = lowering.Node.Inputs[0].Shape;
        lowering.Emit(Reductions.ColumnSums(
            lowering.Device, x.Rows, x.Columns, lowering.Input<float>(0), lowering.Workspace(), lowering.Input<float>(1)));
    }
}

/// <summary>Matrix products, and sums of them into gradients.</summary>
public static class MatMulExtensions
{
    /// <summary>y = x W^T + bias; x [rows, in], weight [out, in], bias [out] or null, y [rows, out].</summary>
    public static Tensor Linear(this GraphBuilder graph, Tensor x, Tensor weight, Tensor? bias = null) =>
        graph.MatMul(x, weight, MatMulLayout.NT, bias: bias);

    /// <summary>
    /// A product; see <see cref="MatMulOperator"/>. With an output window, <paramref name="addTo"/> is required and gives the output's
    /// shape.
    /// </summary>
    public static Tensor MatMul(
        this GraphBuilder graph,
        Tensor a,
        Tensor b,
        MatMulLayout layout,
        float alpha = 1f,
        Tensor? bias = null,
        Tensor? addTo = null,
        ColumnWindow? windowA = null,
        ColumnWindow? windowB = null,
        ColumnWindow? windowOutput = null)
    {
        int columnsA = windowA?.Count ?? a.Shape.Columns;
        int columnsB = windowB?.Count ?? b.Shape.Columns;
        (int m, int summedA) = layout == MatMulLayout.TN ? (columnsA, a.Shape.Rows) : (a.Shape.Rows, columnsA);
        (int n, int summedB) = layout == MatMulLayout.NT ? (b.Shape.Rows, b.Shape.Columns) : (columnsB, b.Shape.Rows);
        if (summedA != summedB)
        {
            throw new ArgumentException($"A {layout} product of {a} and {b} sums over {summedA} against {summedB} elements.");
        }

        if (a.Type != ElementType.Float32)
        {
            throw new ArgumentException(
                $"The left operand {a} of a product stores {a.Type}; a weight in 16 bits can only be the right one: "
                    + "turn the product round.");
        }

        if (windowOutput is not null && addTo is null)
        {
            throw new ArgumentException("A product into a window of columns needs the tensor whose other columns it keeps.");
        }

        if (bias is not null && bias.Shape.Count != n)
        {
            throw new ArgumentException($"The bias {bias} does not fit {n} output columns.");
        }

        Shape shape = windowOutput is null ? new Shape(m, n) : addTo!.Shape;
        if (addTo is not null && addTo.Shape != shape)
        {
            throw new ArgumentException($"A product of shape {shape} cannot be added to {addTo}.");
        }

        List<Tensor> inputs = [a, b];
        if (bias is not null)
        {
            inputs.Add(bias);
        }

        if (addTo is not null)
        {
            inputs.Add(addTo);
        }

        var @operator = new MatMulOperator
        {
            Layout = layout,
            Alpha = alpha,
            WindowA = windowA,
            WindowB = windowB,
            WindowOutput = windowOutput,
            HasBias = bias is not null,
            HasAddTo = addTo is not null,
            Products = graph.Products,
        };
        return graph.Add(@operator, shape, [.. inputs]);
    }

    /// <summary>gradient += alpha a^T b (columns of b by the window).</summary>
    public static void SumProduct(
        this GraphBuilder graph, Tensor a, Tensor b, Variable gradient, float alpha = 1f, ColumnWindow? windowB = null)
    {
        Shape expected = new(a.Shape.Columns, windowB?.Count ?? b.Shape.Columns);
        if (gradient.Shape.Count != expected.Count)
        {
            throw new ArgumentException($"The product {expected} does not fit the gradient {gradient}.");
        }

        graph.Add(new SumProductOperator { Alpha = alpha, WindowB = windowB }, [a, b, graph.Read(gradient)]);
    }

    /// <summary>gradient += the sum of x's rows.</summary>
    public static void SumColumns(this GraphBuilder graph, Tensor x, Variable gradient) =>
        graph.Add(new SumColumnsOperator(), [x, graph.Read(gradient)]);
}
