using Engine.Devices;
using Engine.Kernels;

namespace Engine.Graph.Operators;

/// <summary>Rows of a frozen weight that are trained; the weight holds what they are now.</summary>
/// <param name="Rows">[count, columns].</param>
/// <param name="Index">Which rows of the weight they are, int32 [count], distinct.</param>
internal sealed record TrainedRows(Tensor Rows, Tensor Index);

/// <summary>
/// Mean cross-entropy of hidden W^T + bias over a large vocabulary, whose logits are never stored: chunk after chunk of rows, the logits of
/// one chunk live in scratch memory, are turned into their gradient in place, and are multiplied on at once. Inputs hidden [rows, hidden],
/// weight [vocabulary, hidden], labels int32 [rows], step scalars, [bias], [the gradient variables of weight and bias],
/// [trained rows of the weight, their index, their gradient variable]; outputs as <see cref="CrossEntropyOperator"/>
/// has them, the gradient being that by hidden.
/// </summary>
/// <remarks>
/// Gradient contract: everything is done in the forward pass. Trainable weight, bias and rows sum into their gradient variables there.
/// </remarks>
internal sealed class LinearCrossEntropyOperator : Operator
{
    /// <summary>Scratch memory for a chunk's logits, where <see cref="LeastRows"/> rows fit it.</summary>
    private const long ChunkBytes = 64L << 20;

    /// <summary>
    /// With fewer rows the products lose to passing over the weight once for each chunk: on the cpu device at a vocabulary of 50 265 a
    /// sixth of their speed with 128 rows, a quarter with 64.
    /// </summary>
    private const int LeastRows = 256;

    /// <summary>Chunks are multiples of this many rows, which suits the tiles of the matrix products.</summary>
    private const int RowMultiple = 16;

    private const int AlignedElements = Device.Alignment / sizeof(float);

    private const int LossOutput = 0;
    private const int RowLossOutput = 1;
    private const int HiddenGradientOutput = 2;
    private const int BiasInput = 4;

    public required bool HasBias { get; init; }

    public required bool WithGradient { get; init; }

    public required bool SumsWeightGradient { get; init; }

    public required bool SumsBiasGradient { get; init; }

    /// <summary>Rows of the weight whose gradient is summed where the weight's is not.</summary>
    public required int TrainedRows { get; init; }

    /// <summary>Rows whose logits are held at once.</summary>
    public required int ChunkRows { get; init; }

    /// <summary>Logits z are read as cap tanh(z / cap); 0 for no cap.</summary>
    public required float SoftCap { get; init; }

    /// <summary>The share of each row's target that is spread over the vocabulary.</summary>
    public required double LabelSmoothing { get; init; }

    /// <summary>The type of products with the weight where it stores that: the graph's.</summary>
    public required ElementType Products { get; init; }

    public override string Name => "LinearCrossEntropy";

    public override bool HasEffects => SumsWeightGradient || SumsBiasGradient || TrainedRows > 0;

    /// <summary>The cap's gradient reads the capped logits beside the gradient by them.</summary>
    private bool NeedsCapped => SoftCap > 0 && WithGradient;

    private int WeightGradientInput => BiasInput + (HasBias ? 1 : 0);

    private int BiasGradientInput => WeightGradientInput + (SumsWeightGradient ? 1 : 0);

    private int TrainedRowsInput => BiasGradientInput + (SumsBiasGradient ? 1 : 0);

    /// <summary>Rows of a chunk by the shape alone: all of them or equal parts.</summary>
    internal static int RowsAtOnce(int rows, int vocabulary)
    {
        long fit = ChunkBytes / sizeof(float) / Math.Max(1, vocabulary) / RowMultiple * RowMultiple;
        long most = Math.Max(LeastRows, fit);
        long chunks = Math.Max(1, (rows + most - 1) / most);
        long part = (rows + chunks - 1) / chunks;
        return (int)((part + RowMultiple - 1) / RowMultiple * RowMultiple);
    }

    public override long WorkspaceBytes(Device device, Node node)
    {
        int vocabulary = node.Inputs[1].Shape.Rows;
        long sums = SumsBiasGradient ? Reductions.ColumnSumsWorkspace(device, ChunkRows, vocabulary) : 0;
        long capped = NeedsCapped ? ChunkRows * (long)vocabulary : 0;
        return sizeof(float) * (ScratchStart(vocabulary) + Math.Max(Math.Max(sums, capped), ProductsWorkspace(device, node)));
    }

    public override double ProductOperations(Node node)
    {
        int products = 1 + (WithGradient ? 1 : 0) + (SumsWeightGradient ? 1 : 0);
        return 2.0 * node.Inputs[0].Shape.Count * ((products * (double)node.Inputs[1].Shape.Rows) + TrainedRows);
    }

    public override void Lower(Lowering lowering)
    {
        int rows = lowering.Node.Inputs[0].Shape.Rows;
        for (int first = 0; first < rows; first += ChunkRows)
        {
            LowerChunk(lowering, rows, first, Math.Min(ChunkRows, rows - first));
        }
    }

    public override void Gradient(GradientBuilder gradients) => gradients.Contribute(0, gradients.Node.Outputs[HiddenGradientOutput]);

    private void LowerChunk(Lowering lowering, int rows, int first, int count)
    {
        Device device = lowering.Device;
        int width = lowering.Node.Inputs[0].Shape.Columns;
        int vocabulary = lowering.Node.Inputs[1].Shape.Rows;
        BufferView<float> workspace = lowering.Workspace();
        BufferView<float> logits = workspace.Slice(0, (long)count * vocabulary);
        BufferView<float> hidden = Rows(lowering.Input<float>(0));
        WeightView weight = lowering.Weight(1);

        // Of the products and the sums of columns, which run one after another.
        long start = ScratchStart(vocabulary);
        BufferView<float> scratch = workspace.Slice(start, workspace.Length - start);
        lowering.Emit(MatMul.Bind(
            device,
            Logits(lowering.Node, count),
            hidden,
            weight,
            logits,
            HasBias ? lowering.Input<float>(BiasInput) : null,
            workspace: scratch));
        BufferView<float> gradient = logits;
        if (SoftCap > 0)
        {
            lowering.Emit(Kernels.SoftCap.Forward(device, logits.Length, SoftCap, logits, logits));
            gradient = NeedsCapped ? scratch.Slice(0, logits.Length) : logits;
        }

        lowering.Emit(Losses.CrossEntropyChunk(
            device,
            rows,
            first,
            count,
            vocabulary,
            logits,
            lowering.Input<int>(2),
            lowering.Input<float>(3),
            lowering.Output<float>(RowLossOutput),
            lowering.Output<float>(LossOutput),
            WithGradient ? gradient : null,
            new CrossEntropyOptions((float)LabelSmoothing)));
        if (!WithGradient)
        {
            return;
        }

        if (SoftCap > 0)
        {
            lowering.Emit(Kernels.SoftCap.Backward(device, logits.Length, SoftCap, logits, gradient, logits));
        }

        lowering.Emit(MatMul.Bind(
            device,
            HiddenGradient(lowering.Node, count),
            logits,
            weight,
            Rows(lowering.Output<float>(HiddenGradientOutput)),
            workspace: scratch));
        if (SumsWeightGradient)
        {
            lowering.Emit(MatMul.Bind(
                device,
                new MatMulShape(vocabulary, width, count, MatMulLayout.TN) { Beta = 1f },
                logits,
                hidden,
                lowering.Input<float>(WeightGradientInput)));
        }

        if (TrainedRows > 0)
        {
            BufferView<float> columns = workspace.Slice((long)ChunkRows * vocabulary, (long)count * TrainedRows);
            lowering.Emit(
                RowSelection.GatherColumns(
                    device, count, vocabulary, TrainedRows, logits, lowering.Input<int>(TrainedRowsInput + 1), columns));
            lowering.Emit(MatMul.Bind(
                device,
                new MatMulShape(TrainedRows, width, count, MatMulLayout.TN) { Beta = 1f },
                columns,
                hidden,
                lowering.Input<float>(TrainedRowsInput + 2)));
        }

        if (SumsBiasGradient)
        {
            lowering.Emit(Reductions.ColumnSums(device, count, vocabulary, logits, scratch, lowering.Input<float>(BiasGradientInput)));
        }

        BufferView<float> Rows(BufferView<float> matrix) => matrix.Slice((long)first * width, (long)count * width);
    }

    /// <summary>The element behind a chunk's logits and the columns taken of them, at an alignment that suits every product.</summary>
    private long ScratchStart(int vocabulary) =>
        ((ChunkRows * (long)(vocabulary + TrainedRows)) + AlignedElements - 1) / AlignedElements * AlignedElements;

    private MatMulShape Logits(Node node, int count) =>
        new(count, node.Inputs[1].Shape.Rows, node.Inputs[0].Shape.Columns, MatMulLayout.NT) { Products = ProductsOf(node) };

    private MatMulShape HiddenGradient(Node node, int count) =>
        new(count, node.Inputs[0].Shape.Columns, node.Inputs[1].Shape.Rows, MatMulLayout.NN) { Products = ProductsOf(node) };

    private ElementType ProductsOf(Node node) => node.Inputs[1].Type == Products ? Products : ElementType.Float32;

    /// <summary>What a chunk's products need; the last chunk may be smaller, and then be one that another kernel computes.</summary>
    private long ProductsWorkspace(Device device, Node node)
    {
        ElementType stored = node.Inputs[1].Type;
        return Math.Max(
            MatMul.Workspace(device, Logits(node, ChunkRows), stored),
            WithGradient ? MatMul.Workspace(device, HiddenGradient(node, ChunkRows), stored) : 0);
    }
}

internal static class LinearCrossEntropyExtensions
{
    /// <summary>
    /// Mean cross-entropy of hidden W^T + bias over the rows whose label is not -100, [1]; the logits are held for some rows at a time.
    /// </summary>
    /// <param name="hidden">[rows, hidden].</param>
    /// <param name="weight">[vocabulary, hidden], a variable.</param>
    /// <param name="bias">[vocabulary], a variable, or null.</param>
    /// <param name="withGradient">The loss will be differentiated.</param>
    /// <param name="chunkRows">Rows held at a time; null: as many as suit the shape.</param>
    /// <param name="trained">Rows of a frozen weight with a gradient; null for none.</param>
    /// <param name="labelSmoothing">The share of each row's target that is spread evenly over the vocabulary, from 0 to below 1.</param>
    /// <param name="softCap">Logits z are read as cap tanh(z / cap); 0 for no cap.</param>
    /// <exception cref="ArgumentException">Shapes that do not fit, or a weight or bias that is computed: their gradient is summed into a
    /// variable's.</exception>
    public static Tensor LinearCrossEntropy(
        this GraphBuilder graph, Tensor hidden, Tensor weight, Tensor? bias, Tensor labels, Tensor scalars, bool withGradient,
        int? chunkRows = null,
        TrainedRows? trained = null, double labelSmoothing = 0, float softCap = 0)
    {
        LossExtensions.RequireSmoothing(labelSmoothing);
        int rows = hidden.Shape.Rows;
        if (rows == 0 || weight.Shape.Columns != hidden.Shape.Columns || (bias is not null && bias.Shape.Count != weight.Shape.Rows)
            || labels.Shape.Count != rows)
        {
            throw new ArgumentException(
                $"The hidden rows {hidden}, weight {weight}, bias {bias?.ToString() ?? "none"} and labels {labels} do not fit each other.");
        }

        if (weight.Variable is null || (bias is not null && bias.Variable is null))
        {
            throw new ArgumentException($"The weight {weight} or the bias {bias} is computed; compute the logits and use CrossEntropy.");
        }

        Variable? weightGradient = withGradient ? weight.Variable.Gradient : null;
        Variable? biasGradient = withGradient ? bias?.Variable!.Gradient : null;
        Variable? rowsGradient = withGradient && weightGradient is null ? trained?.Rows.Variable?.Gradient : null;
        var @operator = new LinearCrossEntropyOperator
        {
            HasBias = bias is not null,
            LabelSmoothing = labelSmoothing,
            SoftCap = softCap,
            WithGradient = withGradient,
            SumsWeightGradient = weightGradient is not null,
            SumsBiasGradient = biasGradient is not null,
            TrainedRows = rowsGradient is null ? 0 : trained!.Rows.Shape.Rows,
            Products = graph.Products,
            ChunkRows = Math.Min(rows, chunkRows ?? LinearCrossEntropyOperator.RowsAtOnce(rows, weight.Shape.Rows)),
        };
        List<Tensor> inputs = [hidden, weight, labels, scalars];
        if (bias is not null)
        {
            inputs.Add(bias);
        }

        foreach (Variable? gradient in (Variable?[])[weightGradient, biasGradient])
        {
            if (gradient is not null)
            {
                inputs.Add(graph.Read(gradient));
            }
        }

        if (rowsGradient is not null)
        {
            inputs.AddRange([trained!.Rows, trained.Index, graph.Read(rowsGradient)]);
        }

        Shape[] shapes = withGradient ? [new Shape(1), new Shape(rows), hidden.Shape] : [new Shape(1), new Shape(rows)];
        return graph.Add(@operator, [.. inputs], shapes)[0];
    }
}
