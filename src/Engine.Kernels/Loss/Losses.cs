using Engine.Devices;

namespace Engine.Kernels;

/// <summary>Losses with their gradients in one pass. The mean is over the rows that count; no such row: loss 0, gradient 0.</summary>
public static class Losses
{
    /// <summary>
    /// Mean cross-entropy of logits [rows, classes] under labels [rows] (-100: ignored).
    /// loss[0] = mean loss (unscaled); dLogits = scalars[LossScale] * gradient (null: not wanted). rowLoss [rows] receives each row's loss (0 where ignored).
    /// Rows are reduced in a fixed order, in float64 where the device has it.
    /// </summary>
    public static Launch[] CrossEntropy(
        Device device, int rows, int classes,
        BufferView<float> logits, BufferView<int> labels, BufferView<float> scalars, BufferView<float> rowLoss, BufferView<float> loss, BufferView<float>? dLogits)
        => throw new NotImplementedException();

    /// <summary>Mean squared error of predictions [rows * columns] to targets; a NaN target is ignored.</summary>
    public static Launch[] MeanSquaredError(
        Device device, int count,
        BufferView<float> predictions, BufferView<float> targets, BufferView<float> scalars, BufferView<float> rowLoss, BufferView<float> loss, BufferView<float>? dPredictions)
        => throw new NotImplementedException();
}
