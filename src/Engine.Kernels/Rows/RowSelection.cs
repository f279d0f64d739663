using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>Taking rows of a matrix by index. Index -1 stands for a row of zeros.</summary>
internal static class RowSelection
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

        return RowSelectionKernels.GatherKernel.Bind(
            device, new LaunchShape(count, LaunchShapes.RowGroup(device, columns)), x, index, y, columns)
            .Moves((long)count * (sizeof(int) + (2L * columns * sizeof(float))));
    }

    /// <summary>
    /// y[index[i]] = x[i], rounded to nearest even where y stores 16 bits, other rows of y left as they are; the indices other than -1 are
    /// distinct rows of y; x [count, columns], y [rows, columns].
    /// </summary>
    public static Launch Write(Device device, int count, int rows, int columns, BufferView<float> x, BufferView<int> index, WeightView y)
    {
        Operand.Require(index, count);
        Operand.Require(x, (long)count * columns);
        return y.Type switch
        {
            ElementType.Float32 => Bind(y.As<float>()),
            ElementType.Float16 => Bind(y.As<Half>()),
            _ => Bind(y.As<BFloat16>()),
        };

        Launch Bind<TStored>(BufferView<TStored> stored)
            where TStored : unmanaged
        {
            Operand.Require(stored, (long)rows * columns);
            return device is CpuDevice { Features.HostVectors: true } cpu
                ? new WriteRowsHost<TStored>(cpu, count, columns, x, index, stored)
                : RowSelectionKernels.WriteKernel.Bind(
                    device, new LaunchShape(count, LaunchShapes.RowGroup(device, columns)), x, index, stored, columns)
                    .Moves((long)count * (sizeof(int) + ((long)columns * (sizeof(float) + y.Type.SizeInBytes()))));
        }
    }

    /// <summary>y[:, j] = x[:, index[j]]; x [rows, columns], index distinct columns of x [count], y [rows, count].</summary>
    public static Launch GatherColumns(
        Device device, int rows, int columns, int count, BufferView<float> x, BufferView<int> index, BufferView<float> y)
    {
        Operand.Require(index, count);
        Operand.Require(x, (long)rows * columns);
        Operand.Require(y, (long)rows * count);
        return device is CpuDevice { Features.HostVectors: true } cpu
            ? new GatherColumnsHost(cpu, rows, columns, count, x, index, y)
            : RowSelectionKernels.GatherColumnsKernel.Bind(
                device, new LaunchShape(rows, LaunchShapes.RowGroup(device, count)), x, index, y, columns, count)
                .Moves((long)count * (sizeof(int) + (2L * rows * sizeof(float))));
    }

    /// <summary>dx = 0, then dx[index[i]] = dy[i]; the indices other than -1 are distinct; dx [rows, columns].</summary>
    public static Launch[] Scatter(
        Device device, int count, int rows, int columns, BufferView<float> dy, BufferView<int> index, BufferView<float> dx) =>
    [
        Elementwise.Fill(device, (long)rows * columns, 0, dx),
        Write(device, count, rows, columns, dy, index, dx),
    ];
}
