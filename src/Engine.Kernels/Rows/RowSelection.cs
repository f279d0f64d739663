using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>Taking rows of a matrix by index. Index -1 stands for a row of zeros.</summary>
public static class RowSelection
{
    /// <summary>y[i] = x[index[i]]; x [_, columns], y [count, columns].</summary>
    public static Launch Gather(Device device, int count, int columns, BufferView<float> x, BufferView<int> index, BufferView<float> y)
    {
        Operand.Require(index, count);
        Operand.Require(y, (long)count * columns);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return new GatherRowsHost(cpu, count, columns, x, index, y);
        }

        return RowSelectionKernels.GatherKernel.Bind(device, new LaunchShape(count, LaunchShapes.RowGroup(device, columns)), x, index, y, columns);
    }

    /// <summary>dx = 0, then dx[index[i]] = dy[i]; the indices other than -1 are distinct; dx [rows, columns].</summary>
    public static Launch[] Scatter(Device device, int count, int rows, int columns, BufferView<float> dy, BufferView<int> index, BufferView<float> dx)
    {
        Operand.Require(index, count);
        Operand.Require(dy, (long)count * columns);
        Operand.Require(dx, (long)rows * columns);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return [new FillHost(cpu, (long)rows * columns, 0, dx), new ScatterRowsHost(cpu, count, columns, dy, index, dx)];
        }

        return
        [
            Elementwise.Fill(device, (long)rows * columns, 0, dx),
            RowSelectionKernels.ScatterKernel.Bind(device, new LaunchShape(count, LaunchShapes.RowGroup(device, columns)), dy, index, dx, columns),
        ];
    }
}
