namespace Engine.Kernels;

/// <summary>Low-pass filters of many tensors in one launch.</summary>
internal static class GradientFilter
{
    /// <summary>
    /// y = the filtered x of every segment whose mask is not 0, and 0 of the others. x and y are runs that do not overlap.
    /// </summary>
    /// <param name="words">The segments' table, int32.</param>
    /// <param name="data">The filters' table, int32.</param>
    /// <param name="kernels">The filters' weights.</param>
    /// <param name="mask">[segments] 0 or 1.</param>
    public static Launch Apply(
        Device device, FilterTable table, BufferView<int> words, BufferView<int> data, BufferView<float> kernels, BufferView<float> mask,
        BufferView<float> x, BufferView<float> y)
    {
        Operand.Require(words, table.Segments.WordCount);
        Operand.Require(data, table.Data.Length);
        Operand.Require(kernels, table.Kernels.Length);
        Operand.Require(mask, table.Segments.SegmentCount);
        Operand.Require(x, table.Segments.RunCount);
        Operand.Require(y, table.Segments.RunCount);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return new GradientFilterHost(cpu, table, mask, x, y);
        }

        return GradientFilterKernels.ApplyKernel.Bind(
            device, new LaunchShape(table.Segments.Chunks.Length, LaunchShapes.SingleGroup), words, data, kernels, mask, x, y,
            table.Segments.SegmentCount);
    }
}

/// <summary>A chunk of a segment a piece; sums are float64.</summary>
internal sealed unsafe class GradientFilterHost(
    CpuDevice device, FilterTable table, BufferView<float> mask, BufferView<float> x, BufferView<float> y)
    : SegmentHost(device, table.Segments)
{
    private readonly float* mask = CpuDevice.Pointer(mask);
    private readonly float* x = CpuDevice.Pointer(x);
    private readonly float* y = CpuDevice.Pointer(y);

    public override string Name => "GradientFilter_Apply";

    protected override void Chunk(int index, SegmentChunk chunk)
    {
        var to = new Span<float>(y + chunk.First, chunk.Count);
        MatrixFilter filter = table.Filters[chunk.Segment];
        if (mask[chunk.Segment] == 0)
        {
            to.Clear();
            return;
        }

        int start = table.Data[(chunk.Segment * FilterTable.Width) + FilterTable.FirstSlot];
        for (int i = 0; i < to.Length; i++)
        {
            to[i] = (float)Sum(filter, x + start, chunk.First + i - start);
        }
    }

    private static double Sum(MatrixFilter filter, float* matrix, int element)
    {
        (int rank, int place) = filter.IsTransposed
            ? (element % filter.Ranks, element / filter.Ranks)
            : (element / filter.Length, element % filter.Length);
        int rankStride = filter.IsTransposed ? 1 : filter.Length, stride = filter.IsTransposed ? filter.Ranks : 1;
        double sum = 0;
        for (int row = 0, at = 0; at < filter.Kernel.Length; row++)
        {
            float* line = matrix + ((long)((rank + row) % filter.Ranks) * rankStride);
            for (int tap = 0; tap < filter.Taps; tap++, at++)
            {
                int from = Place(place + filter.First + tap, filter.Length, filter.IsPeriodic);
                sum += (double)filter.Kernel[at] * line[(long)from * stride];
            }
        }

        return sum;
    }

    private static int Place(int place, int length, bool isPeriodic)
    {
        if ((uint)place < (uint)length)
        {
            return place;
        }

        int period = isPeriodic ? length : 2 * length;
        int within = ((place % period) + period) % period;
        return within < length ? within : period - 1 - within;
    }
}

/// <summary>The compiled form, one group a chunk of the table.</summary>
internal static partial class GradientFilterKernels
{
    /// <summary>One item an element.</summary>
    [Kernel]
    public static void Apply(
        ArrayView<int> words, ArrayView<int> data, ArrayView<float> kernels, ArrayView<float> mask, ArrayView<float> x, ArrayView<float> y,
        int segments)
    {
        long entry = segments + 1 + ((long)SegmentTable.ChunkWords * Grid.IdxX);
        int segment = words[entry];
        int first = words[entry + 1];
        int count = words[entry + 2];
        long row = (long)segment * FilterTable.Width;
        int start = data[row + FilterTable.FirstSlot];
        int ranks = data[row + FilterTable.RanksSlot];
        int length = data[row + FilterTable.LengthSlot];
        int rankStride = data[row + FilterTable.RankStrideSlot];
        int stride = data[row + FilterTable.LengthStrideSlot];
        int kernel = data[row + FilterTable.KernelSlot];
        int kernelRows = data[row + FilterTable.KernelRowsSlot];
        int taps = data[row + FilterTable.TapsSlot];
        int offset = data[row + FilterTable.OffsetSlot];
        int period = data[row + FilterTable.PeriodicSlot] == 0 ? 2 * length : length;
        bool taken = mask[segment] != 0f;
        for (int i = Group.IdxX; i < count; i += Group.DimX)
        {
            float sum = 0f;
            if (taken)
            {
                int element = first + i - start;
                int rank = element / rankStride % ranks;
                int place = element / stride % length;
                for (int a = 0; a < kernelRows; a++)
                {
                    long line = start + ((long)((rank + a) % ranks) * rankStride);
                    for (int b = 0; b < taps; b++)
                    {
                        int from = (place + offset + b) % period;
                        from = from < 0 ? from + period : from;
                        from = from < length ? from : period - 1 - from;
                        sum = KernelMath.FusedMultiplyAdd(kernels[kernel + (a * taps) + b], x[line + ((long)from * stride)], sum);
                    }
                }
            }

            y[(long)first + i] = sum;
        }
    }
}
