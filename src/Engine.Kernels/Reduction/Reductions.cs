using Engine.Devices;

namespace Engine.Kernels;

/// <summary>Sums in a fixed order: the same bits on every run of one device, whatever its number of threads.</summary>
public static class Reductions
{
    /// <summary>Elements of workspace of <see cref="SquaredNorm"/>.</summary>
    public static long SquaredNormWorkspace(Device device, long count) => throw new NotImplementedException();

    /// <summary>result[0] = sum of squares of x.</summary>
    public static Launch[] SquaredNorm(Device device, long count, BufferView<float> x, BufferView<float> workspace, BufferView<float> result) => throw new NotImplementedException();

    /// <summary>norm[0] = sqrt(square[0]); clip[0] = min(1, maxNorm / (norm + 1e-6)) as PyTorch's clip_grad_norm_ has it; maxNorm 0: clip 1.</summary>
    public static Launch ClipFactor(Device device, float maxNorm, BufferView<float> square, BufferView<float> norm, BufferView<float> clip) => throw new NotImplementedException();

    /// <summary>result[i] = sum over j of x[i, j]^2; x [rows, columns].</summary>
    public static Launch RowSquaredNorms(Device device, int rows, int columns, BufferView<float> x, BufferView<float> result) => throw new NotImplementedException();

    /// <summary>Elements of workspace of <see cref="ColumnSums"/>.</summary>
    public static long ColumnSumsWorkspace(Device device, int rows, int columns) => throw new NotImplementedException();

    /// <summary>result[j] += sum over i of x[i, j]: a bias gradient.</summary>
    public static Launch[] ColumnSums(Device device, int rows, int columns, BufferView<float> x, BufferView<float> workspace, BufferView<float> result) => throw new NotImplementedException();
}
