using Engine.Devices;

namespace Engine.Kernels;

/// <summary>Layer normalization over the last dimension: y = (x - mean) / sqrt(variance + epsilon) * weight + bias; x, y [rows, columns].</summary>
public static class LayerNorm
{
    /// <param name="mean">Receives each row's mean [rows].</param>
    /// <param name="inverseDeviation">Receives each row's 1 / sqrt(variance + epsilon) [rows].</param>
    public static Launch Forward(
        Device device, int rows, int columns, float epsilon,
        BufferView<float> x, BufferView<float> weight, BufferView<float> bias, BufferView<float> y, BufferView<float> mean, BufferView<float> inverseDeviation)
        => throw new NotImplementedException();

    /// <summary>dx = gradient by x (written). With <paramref name="addend"/>, dx = gradient + addend: a residual branch's gradient folded in.</summary>
    public static Launch Backward(
        Device device, int rows, int columns,
        BufferView<float> x, BufferView<float> weight, BufferView<float> mean, BufferView<float> inverseDeviation, BufferView<float> dy, BufferView<float>? addend, BufferView<float> dx)
        => throw new NotImplementedException();

    /// <summary>Elements of workspace of <see cref="ParameterGradient"/>.</summary>
    public static long ParameterGradientWorkspace(Device device, int rows, int columns) => throw new NotImplementedException();

    /// <summary>Adds the gradients by weight and bias to dWeight and dBias [columns]; rows are summed in a fixed order.</summary>
    public static Launch[] ParameterGradient(
        Device device, int rows, int columns,
        BufferView<float> x, BufferView<float> mean, BufferView<float> inverseDeviation, BufferView<float> dy, BufferView<float> dWeight, BufferView<float> dBias, BufferView<float> workspace)
        => throw new NotImplementedException();
}
