using Engine.Devices;
using Engine.Kernels;

namespace Engine.Graph.Operators;

/// <summary>
/// A mean loss with outputs loss [1], row losses [rows] and, for training, the gradient by the first input, already times the loss scale.
/// </summary>
internal abstract class LossOperator(bool withGradient) : Operator
{
    public override void Gradient(GradientBuilder gradients) => gradients.Contribute(0, gradients.Node.Outputs[2]);

    /// <summary>Whether the loss will be differentiated.</summary>
    protected bool WithGradient => withGradient;

    /// <summary>Where the gradient goes; null in an evaluation.</summary>
    protected BufferView<float>? OutputGradient(Lowering lowering) => withGradient ? lowering.Output<float>(2) : null;
}

/// <summary>
/// Mean cross-entropy; inputs logits [rows, classes], labels int32 [rows], step scalars. A fourth input are the class weights, where there
/// are some.
/// </summary>
internal sealed class CrossEntropyOperator(bool withGradient, double labelSmoothing) : LossOperator(withGradient)
{
    private const int WeightsInput = 3;

    public override string Name => "CrossEntropy";

    public override void Lower(Lowering lowering)
    {
        // The logits of a row's classes follow one another, in one row of the tensor or in several.
        long rows = lowering.Node.Outputs[1].Shape.Count;
        lowering.Emit(Losses.CrossEntropy(
            lowering.Device,
            (int)rows,
            (int)(lowering.Node.Inputs[0].Shape.Count / rows),
            lowering.Input<float>(0),
            lowering.Input<int>(1),
            lowering.Input<float>(2),
            lowering.Output<float>(1),
            lowering.Output<float>(0),
            OutputGradient(lowering),
            new CrossEntropyOptions(
                (float)labelSmoothing, lowering.Node.Inputs.Count > WeightsInput ? lowering.Input<float>(WeightsInput) : null)));
    }
}

/// <summary>Mean squared error; inputs predictions [rows, 1], targets float32 [rows], step scalars.</summary>
internal sealed class MeanSquaredErrorOperator(bool withGradient) : LossOperator(withGradient)
{
    public override string Name => "MeanSquaredError";

    public override void Lower(Lowering lowering) => lowering.Emit(Losses.MeanSquaredError(
        lowering.Device,
        checked((int)lowering.Node.Inputs[0].Shape.Count),
        lowering.Input<float>(0),
        lowering.Input<float>(1),
        lowering.Input<float>(2),
        lowering.Output<float>(1),
        lowering.Output<float>(0),
        OutputGradient(lowering)));
}

/// <summary>Mean binary cross-entropy; inputs logits [rows, classes], targets float32 [rows * classes], step scalars.</summary>
internal sealed class BinaryCrossEntropyOperator(bool withGradient) : LossOperator(withGradient)
{
    public override string Name => "BinaryCrossEntropy";

    public override void Lower(Lowering lowering) => lowering.Emit(Losses.BinaryCrossEntropy(
        lowering.Device,
        lowering.Node.Inputs[0].Shape.Rows,
        lowering.Node.Inputs[0].Shape.Columns,
        lowering.Input<float>(0),
        lowering.Input<float>(1),
        lowering.Input<float>(2),
        lowering.Output<float>(1),
        lowering.Output<float>(0),
        OutputGradient(lowering)));
}

/// <summary>
/// Mean cross-entropy of spans; inputs logits [tokens, 2], labels int32 [rows * 2], row starts int32 [rows + 1], step scalars.
/// </summary>
internal sealed class SpanCrossEntropyOperator(bool withGradient) : LossOperator(withGradient)
{
    public override string Name => "SpanCrossEntropy";

    public override void Lower(Lowering lowering) => lowering.Emit(SpanLosses.CrossEntropy(
        lowering.Device,
        (int)lowering.Node.Outputs[1].Shape.Count,
        lowering.Node.Inputs[0].Shape.Rows,
        lowering.Input<float>(0),
        lowering.Input<int>(1),
        lowering.Input<int>(2),
        lowering.Input<float>(3),
        lowering.Output<float>(1),
        lowering.Output<float>(0),
        OutputGradient(lowering)));
}

/// <summary>The mean loss of each sample; inputs losses, labels [places], start [rows + 1]; output [rows].</summary>
internal sealed class SampleMeansOperator : Operator
{
    public override string Name => "SampleMeans";

    public override void Lower(Lowering lowering) => lowering.Emit(SampleLosses.Means(
        lowering.Device,
        (int)lowering.Node.Outputs[0].Shape.Count,
        (int)lowering.Node.Inputs[0].Shape.Count,
        lowering.Input<float>(0),
        lowering.Input<int>(1),
        lowering.Input<int>(2),
        lowering.Output<float>(0)));
}

internal static class LossExtensions
{
    /// <summary>The mean over each sample's places whose label is not -100, [rows]; 0 where there is none.</summary>
    /// <param name="start">int32 [rows + 1], each sample's first place.</param>
    public static Tensor SampleMeans(this GraphBuilder graph, Tensor placeLosses, Tensor labels, Tensor start) =>
        graph.Add(new SampleMeansOperator(), new Shape((int)start.Shape.Count - 1), placeLosses, labels, start);

    /// <summary>Mean cross-entropy over the rows whose label is not -100, [1].</summary>
    /// <param name="withGradient">The loss will be differentiated.</param>
    /// <param name="labelSmoothing">The share of each row's target that is spread evenly over all classes, from 0 to below 1.</param>
    /// <param name="classWeights">What a row of each class counts for in the mean, positive [classes]; null: all alike.</param>
    /// <param name="classes">Classes of a row, whose logits follow one another; null: the logits' columns.</param>
    /// <exception cref="ArgumentException">Labels or weights that do not fit the logits.</exception>
    public static Tensor CrossEntropy(
        this GraphBuilder graph, Tensor logits, Tensor labels, Tensor scalars, bool withGradient, double labelSmoothing = 0,
        Tensor? classWeights = null, int? classes = null)
    {
        RequireSmoothing(labelSmoothing);
        return classWeights is null || classWeights.Shape.Count == logits.Shape.Columns
            ? graph.Loss(
                new CrossEntropyOperator(withGradient, labelSmoothing), logits,
                labels, classWeights is null ? [scalars] : [scalars, classWeights],
                withGradient, rows: (int)(logits.Shape.Count / (classes ?? logits.Shape.Columns)))
            : throw new ArgumentException($"{logits} needs {logits.Shape.Columns} class weights, not {classWeights}.");
    }

    /// <summary>Mean squared error over the targets that are not NaN, [1].</summary>
    /// <param name="withGradient">The loss will be differentiated.</param>
    public static Tensor MeanSquaredError(this GraphBuilder graph, Tensor predictions, Tensor targets, Tensor scalars, bool withGradient) =>
        graph.Loss(new MeanSquaredErrorOperator(withGradient), predictions, targets, [scalars], withGradient);

    /// <summary>
    /// Mean binary cross-entropy of logits [rows, classes] over the rows whose first target is not NaN, [1]; targets [rows * classes].
    /// </summary>
    /// <param name="withGradient">The loss will be differentiated.</param>
    public static Tensor BinaryCrossEntropy(this GraphBuilder graph, Tensor logits, Tensor targets, Tensor scalars, bool withGradient) =>
        graph.Loss(
            new BinaryCrossEntropyOperator(withGradient), logits, targets, [scalars], withGradient, targetsOfRow: logits.Shape.Columns);

    /// <summary>
    /// Mean cross-entropy of the first and the last token of a span in each row, [1]; logits [tokens, 2], labels int32 [rows * 2], places
    /// in their rows (-100: ignored), rowStart int32 [rows + 1].
    /// </summary>
    /// <param name="withGradient">The loss will be differentiated.</param>
    public static Tensor SpanCrossEntropy(
        this GraphBuilder graph, Tensor logits, Tensor labels, Tensor rowStart, Tensor scalars, bool withGradient)
    {
        int rows = (int)rowStart.Shape.Count - 1;
        if (logits.Shape.Columns != 2 || labels.Shape.Count != 2L * rows)
        {
            throw new ArgumentException($"{logits} needs two columns, and {2L * rows} labels, not {labels}.");
        }

        return graph.Add(
            new SpanCrossEntropyOperator(withGradient), [logits, labels, rowStart, scalars], Outputs(rows, logits, withGradient))[0];
    }

    internal static void RequireSmoothing(double labelSmoothing)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(labelSmoothing);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(labelSmoothing, 1);
    }

    private static Tensor Loss(
        this GraphBuilder graph, LossOperator @operator, Tensor predictions, Tensor labels, Tensor[] constants, bool withGradient,
        int targetsOfRow = 1, int? rows = null)
    {
        int count = rows ?? predictions.Shape.Rows;
        if (labels.Shape.Count != (long)count * targetsOfRow)
        {
            throw new ArgumentException($"{predictions} needs {(long)count * targetsOfRow} labels, not {labels}.");
        }

        return graph.Add(@operator, [predictions, labels, .. constants], Outputs(count, predictions, withGradient))[0];
    }

    /// <summary>What every <see cref="LossOperator"/> gives.</summary>
    internal static Shape[] Outputs(int rows, Tensor predictions, bool withGradient) =>
        withGradient ? [new Shape(1), new Shape(rows), predictions.Shape] : [new Shape(1), new Shape(rows)];
}
