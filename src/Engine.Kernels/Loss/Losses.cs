namespace Engine.Kernels;

/// <summary>Losses with their gradients in one pass. The mean is over the rows that count; no such row: loss 0, gradient 0.</summary>
internal static class Losses
{
    /// <summary>The label of a row that does not count, as Transformers has it.</summary>
    public const int IgnoredLabel = -100;

    /// <summary>
    /// Mean cross-entropy of logits [rows, classes] under labels [rows] (-100: ignored).
    /// loss[0] = mean loss (unscaled); dLogits = scalars[LossScale] * gradient (null: not wanted), and may be the logits. rowLoss [rows]
    /// receives each row's loss (0 where ignored). Rows are reduced in a fixed order.
    /// </summary>
    public static Launch[] CrossEntropy(
        Device device, int rows, int classes,
        BufferView<float> logits, BufferView<int> labels, BufferView<float> scalars, BufferView<float> rowLoss, BufferView<float> loss,
        BufferView<float>? dLogits, CrossEntropyOptions options = default) =>
        CrossEntropyChunk(device, rows, 0, rows, classes, logits, labels, scalars, rowLoss, loss, dLogits, options);

    /// <summary>
    /// The same for <paramref name="count"/> rows from <paramref name="first"/> on, whose logits and dLogits are [count, classes]; labels
    /// and rowLoss are those of all rows, over which the mean is taken. The chunk with the last row, which must run after the others,
    /// writes the loss.
    /// </summary>
    public static Launch[] CrossEntropyChunk(
        Device device, int rows, int first, int count, int classes,
        BufferView<float> logits, BufferView<int> labels, BufferView<float> scalars, BufferView<float> rowLoss, BufferView<float> loss,
        BufferView<float>? dLogits, CrossEntropyOptions options = default)
    {
        Operand.Require(logits, (long)count * classes);
        Operand.Require(labels, Math.Max(rows, first + count));
        Operand.Require(scalars, StepScalars.Count);
        Operand.Require(rowLoss, Math.Max(rows, first + count));
        Operand.Require(loss, 1);
        Operand.Require(dLogits, (long)count * classes);
        Operand.Require(options.ClassWeights, classes);
        bool last = first + count == rows;
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return [new CrossEntropyHost(
                cpu, rows, first, count, classes, logits, labels, scalars, rowLoss, last ? loss : null, dLogits, options)];
        }

        int groupSize = LaunchShapes.RowGroup(device, classes);
        BufferView<float> weights = options.ClassWeights ?? default;
        bool weighted = options.ClassWeights is not null;
        Launch chunk = LossesKernels.CrossEntropyKernel.Bind(
            device, new LaunchShape(count, groupSize), logits, labels, weights, scalars, rowLoss, dLogits ?? default, rows, first, classes,
            options.LabelSmoothing, weighted, dLogits is not null, groupSize);
        return last
            ? [chunk, LossesKernels.MeanKernel.Bind(
                device, new LaunchShape(1, LaunchShapes.SingleGroup), rowLoss, labels, weights, loss, rows, weighted,
                LaunchShapes.SingleGroup)]
            : [chunk];
    }

    /// <summary>
    /// Mean binary cross-entropy of logits [rows, classes] under targets [rows, classes] from 0 to 1, over all elements; a row whose first
    /// target is NaN is ignored. loss[0] = mean (unscaled), rowLoss [rows] each row's mean (0 where ignored), dLogits = scalars[LossScale]
    /// * gradient (null: not wanted), and may be the logits.
    /// </summary>
    public static Launch[] BinaryCrossEntropy(
        Device device, int rows, int classes,
        BufferView<float> logits, BufferView<float> targets, BufferView<float> scalars, BufferView<float> rowLoss, BufferView<float> loss,
        BufferView<float>? dLogits)
    {
        Operand.Require(logits, (long)rows * classes);
        Operand.Require(targets, (long)rows * classes);
        Operand.Require(scalars, StepScalars.Count);
        Operand.Require(rowLoss, rows);
        Operand.Require(loss, 1);
        Operand.Require(dLogits, (long)rows * classes);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return [new BinaryCrossEntropyHost(cpu, rows, classes, logits, targets, scalars, rowLoss, loss, dLogits)];
        }

        return
        [
            BinaryLossesKernels.BinaryCrossEntropyKernel.Bind(
                device, new LaunchShape(1, LaunchShapes.SingleGroup), logits, targets, scalars, rowLoss, loss, dLogits ?? default, rows,
                classes, dLogits is not null, LaunchShapes.SingleGroup),
        ];
    }

    /// <summary>
    /// Mean squared error of predictions [count] to targets [count]; a NaN target is ignored. loss[0] = mean (unscaled), rowLoss [count]
    /// the squared errors (0 where ignored), dPredictions = scalars[LossScale] * gradient (null: not wanted), and may be the predictions.
    /// </summary>
    public static Launch[] MeanSquaredError(
        Device device, int count,
        BufferView<float> predictions, BufferView<float> targets, BufferView<float> scalars, BufferView<float> rowLoss,
        BufferView<float> loss, BufferView<float>? dPredictions)
    {
        Operand.Require(predictions, count);
        Operand.Require(targets, count);
        Operand.Require(scalars, StepScalars.Count);
        Operand.Require(rowLoss, count);
        Operand.Require(loss, 1);
        Operand.Require(dPredictions, count);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return [new MeanSquaredErrorHost(cpu, count, predictions, targets, scalars, rowLoss, loss, dPredictions)];
        }

        return
        [
            LossesKernels.MeanSquaredErrorKernel.Bind(
                device, new LaunchShape(1, LaunchShapes.SingleGroup),
                predictions, targets, scalars, rowLoss, loss, dPredictions ?? default, count, dPredictions is not null,
                LaunchShapes.SingleGroup),
        ];
    }
}
