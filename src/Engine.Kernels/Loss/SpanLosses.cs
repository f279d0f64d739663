namespace Engine.Kernels;

/// <summary>
/// The loss of spans: in each row of tokens one that starts and one that ends it, each by a softmax over the row's tokens (extractive
/// question answering; Devlin et al. 2019, arXiv 1810.04805, section 4.2).
/// </summary>
internal static class SpanLosses
{
    /// <summary>
    /// Mean cross-entropy of logits [tokens, 2], a column for starts and one for ends, of rows of tokens at rowStart [rows + 1], under
    /// labels [rows, 2], places in their rows (-100: ignored): half the sum of the two columns' means, each over its own labels that count.
    /// loss[0] = that (unscaled), rowLoss [rows] half the sum of a row's two losses, dLogits [tokens, 2] = scalars[LossScale] * gradient
    /// (null: not wanted), 0 behind the last row; it may be the logits.
    /// </summary>
    public static Launch[] CrossEntropy(
        Device device, int rows, int tokens,
        BufferView<float> logits, BufferView<int> labels, BufferView<int> rowStart, BufferView<float> scalars, BufferView<float> rowLoss,
        BufferView<float> loss, BufferView<float>? dLogits)
    {
        Operand.Require(logits, 2L * tokens);
        Operand.Require(labels, 2L * rows);
        Operand.Require(rowStart, rows + 1);
        Operand.Require(scalars, StepScalars.Count);
        Operand.Require(rowLoss, rows);
        Operand.Require(loss, 1);
        Operand.Require(dLogits, 2L * tokens);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return [new SpanCrossEntropyHost(cpu, rows, tokens, logits, labels, rowStart, scalars, rowLoss, loss, dLogits)];
        }

        return
        [
            SpanLossesKernels.CrossEntropyKernel.Bind(
                device, new LaunchShape(1, LaunchShapes.SingleGroup), logits, labels, rowStart, scalars, rowLoss, loss, dLogits ?? default,
                rows, tokens, dLogits is not null, LaunchShapes.SingleGroup),
        ];
    }
}
