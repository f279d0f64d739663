using Engine.Devices;
using Engine.Devices.Cpu;

namespace Engine.Kernels;

/// <summary>Sums in a fixed order: the same bits on every run of one device, whatever its number of threads.</summary>
public static class Reductions
{
    /// <summary>What clip_grad_norm_ adds to the norm it divides by.</summary>
    internal const float ClipEpsilon = 1e-6f;

    /// <summary>Elements of workspace of <see cref="SquaredNorm"/>.</summary>
    public static long SquaredNormWorkspace(Device device, long count)
    {
        if (device is CpuDevice { Features.HostVectors: true })
        {
            return SquaredNormHost.Workspace(count);
        }

        throw new NotImplementedException();
    }

    /// <summary>result[0] = sum of squares of x.</summary>
    public static Launch[] SquaredNorm(Device device, long count, BufferView<float> x, BufferView<float> workspace, BufferView<float> result)
    {
        Operand.Require(x, count);
        Operand.Require(workspace, SquaredNormWorkspace(device, count));
        Operand.Require(result, 1);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return [new SquaredNormHost(cpu, count, x, workspace, result)];
        }

        throw new NotImplementedException();
    }

    /// <summary>norm[0] = sqrt(square[0]); clip[0] = min(1, maxNorm / (norm + 1e-6)) as PyTorch's clip_grad_norm_ has it; maxNorm 0: clip 1.</summary>
    public static Launch ClipFactor(Device device, float maxNorm, BufferView<float> square, BufferView<float> norm, BufferView<float> clip)
    {
        Operand.Require(square, 1);
        Operand.Require(norm, 1);
        Operand.Require(clip, 1);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return new ClipFactorHost(cpu, maxNorm, square, norm, clip);
        }

        throw new NotImplementedException();
    }

    /// <summary>result[i] = sum over j of x[i, j]^2; x [rows, columns].</summary>
    public static Launch RowSquaredNorms(Device device, int rows, int columns, BufferView<float> x, BufferView<float> result)
    {
        Operand.Require(x, (long)rows * columns);
        Operand.Require(result, rows);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return new RowSquaredNormsHost(cpu, rows, columns, x, result);
        }

        throw new NotImplementedException();
    }

    /// <summary>Elements of workspace of <see cref="ColumnSums"/>.</summary>
    public static long ColumnSumsWorkspace(Device device, int rows, int columns)
    {
        if (device is CpuDevice { Features.HostVectors: true })
        {
            return 0;
        }

        throw new NotImplementedException();
    }

    /// <summary>result[j] += sum over i of x[i, j]: a bias gradient.</summary>
    public static Launch[] ColumnSums(Device device, int rows, int columns, BufferView<float> x, BufferView<float> workspace, BufferView<float> result)
    {
        Operand.Require(x, (long)rows * columns);
        Operand.Require(workspace, ColumnSumsWorkspace(device, rows, columns));
        Operand.Require(result, columns);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return [new ColumnSumsHost(cpu, rows, columns, x, result)];
        }

        throw new NotImplementedException();
    }
}
