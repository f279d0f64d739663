using Engine.Devices;

namespace Engine.Kernels;

/// <summary>Taking rows of a matrix by index. Index -1 stands for a row of zeros.</summary>
public static class RowSelection
{
    /// <summary>y[i] = x[index[i]]; x [_, columns], y [count, columns].</summary>
    public static Launch Gather(Device device, int count, int columns, BufferView<float> x, BufferView<int> index, BufferView<float> y) => throw new NotImplementedException();

    /// <summary>dx = 0, then dx[index[i]] = dy[i]; the indices other than -1 are distinct; dx [rows, columns].</summary>
    public static Launch[] Scatter(Device device, int count, int rows, int columns, BufferView<float> dy, BufferView<int> index, BufferView<float> dx) => throw new NotImplementedException();
}
