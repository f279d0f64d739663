namespace Engine.Kernels;

/// <summary>Sums in a fixed order: the same bits on every run of one device, whatever its number of threads.</summary>
internal static class Reductions
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

        return SquaredNormGroups(count);
    }

    /// <summary>result[0] = sum of squares of x.</summary>
    public static Launch[] SquaredNorm(
        Device device, long count, BufferView<float> x, BufferView<float> workspace, BufferView<float> result)
    {
        Operand.Require(x, count);
        Operand.Require(workspace, SquaredNormWorkspace(device, count));
        Operand.Require(result, 1);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return [new SquaredNormHost(cpu, count, x, workspace, result)];
        }

        int groups = SquaredNormGroups(count);
        return
        [
            ReductionsKernels.SquaredNormChunksKernel.Bind(
                device, new LaunchShape(groups, LaunchShapes.SingleGroup), x, workspace, count, LaunchShapes.TermsPerItem,
                LaunchShapes.SingleGroup),
            ReductionsKernels.TotalKernel.Bind(
                device, new LaunchShape(1, LaunchShapes.SingleGroup), workspace, result, groups, LaunchShapes.SingleGroup),
        ];
    }

    /// <summary>
    /// norm[0] = sqrt(square[0]); clip[0] = min(1, maxNorm / (norm + 1e-6)) as PyTorch's clip_grad_norm_ has it; maxNorm 0: clip 1; NaN
    /// where the norm is not finite.
    /// </summary>
    public static Launch ClipFactor(Device device, float maxNorm, BufferView<float> square, BufferView<float> norm, BufferView<float> clip)
    {
        Operand.Require(square, 1);
        Operand.Require(norm, 1);
        Operand.Require(clip, 1);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return new ClipFactorHost(cpu, maxNorm, square, norm, clip);
        }

        return ReductionsKernels.ClipFactorKernel.Bind(device, new LaunchShape(1, 1), square, norm, clip, maxNorm);
    }

    /// <summary>result[i] = sum over j of x[i, j]^2; x [rows, columns].</summary>
    public static Launch RowSquaredNorms(Device device, int rows, int columns, WeightView x, BufferView<float> result)
    {
        Operand.Require(x, (long)rows * columns);
        Operand.Require(result, rows);
        return x.Type switch
        {
            ElementType.Float32 => Bind(x.As<float>()),
            ElementType.Float16 => Bind(x.As<Half>()),
            _ => Bind(x.As<BFloat16>()),
        };

        Launch Bind<TStored>(BufferView<TStored> stored)
            where TStored : unmanaged
        {
            if (device is CpuDevice { Features.HostVectors: true } cpu)
            {
                return new RowSquaredNormsHost<TStored>(cpu, rows, columns, stored, result);
            }

            int groupSize = LaunchShapes.RowGroup(device, columns);
            return ReductionsKernels.RowSquaredNormsKernel.Bind(
                device, new LaunchShape(rows, groupSize), stored, result, columns, LaunchShapes.TermsPerItem, groupSize);
        }
    }

    /// <summary>Elements of workspace of <see cref="ColumnSums"/>.</summary>
    public static long ColumnSumsWorkspace(Device device, int rows, int columns)
    {
        if (device is CpuDevice { Features.HostVectors: true })
        {
            return 0;
        }

        return (long)LaunchShapes.Chunks(rows) * columns;
    }

    /// <summary>result[j] += sum over i of x[i, j]: a bias gradient.</summary>
    public static Launch[] ColumnSums(
        Device device, int rows, int columns, BufferView<float> x, BufferView<float> workspace, BufferView<float> result)
    {
        Operand.Require(x, (long)rows * columns);
        Operand.Require(workspace, ColumnSumsWorkspace(device, rows, columns));
        Operand.Require(result, columns);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return [new ColumnSumsHost(cpu, rows, columns, x, result)];
        }

        int chunks = LaunchShapes.Chunks(rows);
        LaunchShape columnItems = LaunchShapes.Elements(device, columns);
        return
        [
            ReductionsKernels.ColumnSumChunksKernel.Bind(
                device, columnItems with { GroupsY = chunks }, x, workspace.Slice(0, (long)chunks * columns), rows, columns,
                LaunchShapes.RowsPerChunk),
            AddChunks(device, columnItems, workspace.Slice(0, (long)chunks * columns), result, chunks, columns),
        ];
    }

    /// <summary>result[j] += sum over i of x[i, j] y[i, j]; workspace as for <see cref="ColumnSums"/>.</summary>
    public static Launch[] ColumnDots(
        Device device, int rows, int columns, BufferView<float> x, BufferView<float> y, BufferView<float> workspace,
        BufferView<float> result)
    {
        Operand.Require(x, (long)rows * columns);
        Operand.Require(y, (long)rows * columns);
        Operand.Require(workspace, ColumnSumsWorkspace(device, rows, columns));
        Operand.Require(result, columns);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return [new ColumnDotsHost(cpu, rows, columns, x, y, result)];
        }

        int chunks = LaunchShapes.Chunks(rows);
        LaunchShape columnItems = LaunchShapes.Elements(device, columns);
        return
        [
            ReductionsKernels.ColumnDotChunksKernel.Bind(
                device, columnItems with { GroupsY = chunks }, x, y, workspace, rows, columns, LaunchShapes.RowsPerChunk),
            AddChunks(device, columnItems, workspace.Slice(0, (long)chunks * columns), result, chunks, columns),
        ];
    }

    /// <summary>result[j] += the sum over the chunks' sums, workspace [chunks, columns]: the second launch of sums over columns.</summary>
    internal static Launch AddChunks(
        Device device, LaunchShape items, BufferView<float> workspace, BufferView<float> result, int chunks, int columns) =>
        ReductionsKernels.AddChunksKernel.Bind(device, items, workspace, result, chunks, columns).AlsoMoves(sizeof(float) * (long)columns);

    private static int SquaredNormGroups(long count) =>
        checked((int)((count + (LaunchShapes.TermsPerItem * LaunchShapes.SingleGroup) - 1)
            / (LaunchShapes.TermsPerItem * LaunchShapes.SingleGroup)));
}
