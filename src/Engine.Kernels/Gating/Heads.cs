using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>
/// Columns of a row in heads of one width, each weighed by a number of the row: y[i, e width + j] = w[i, e] x[i, e width + j], or, where the heads
/// share one x [rows, width], w[i, e] x[i, j].
/// </summary>
internal static class Heads
{
    /// <summary>y [rows, heads * width] of x and w [rows, heads].</summary>
    public static Launch Weigh(
        Device device, int rows, int heads, int width, bool shared, BufferView<float> x, BufferView<float> w, BufferView<float> y)
    {
        Require(rows, heads, width, shared, x, w, y);
        long count = (long)rows * heads * width;
        return device is CpuDevice { Features.HostVectors: true } cpu
            ? new WeighHeadsHost(cpu, rows, heads, width, shared, x, w, y)
            : HeadsKernels.WeighKernel.Bind(device, LaunchShapes.Elements(device, count), x, w, y, count, heads, width, shared);
    }

    /// <summary>dx[i, j] = sum over heads of w[i, e] dy[i, e width + j]: the gradient by an x that the heads share.</summary>
    public static Launch Gather(Device device, int rows, int heads, int width, BufferView<float> dy, BufferView<float> w, BufferView<float> dx)
    {
        Require(rows, heads, width, shared: true, dx, w, dy);
        long count = (long)rows * width;
        return device is CpuDevice { Features.HostVectors: true } cpu
            ? new GatherHeadsHost(cpu, rows, heads, width, dy, w, dx)
            : HeadsKernels.GatherKernel.Bind(device, LaunchShapes.Elements(device, count), dy, w, dx, count, heads, width);
    }

    /// <summary>dw[i, e] = sum over j of dy[i, e width + j] x[i, e width + j], or of dy x[i, j].</summary>
    public static Launch Dots(
        Device device, int rows, int heads, int width, bool shared, BufferView<float> dy, BufferView<float> x, BufferView<float> dw)
    {
        Require(rows, heads, width, shared, x, dw, dy);
        long count = (long)rows * heads;
        return device is CpuDevice { Features.HostVectors: true } cpu
            ? new HeadDotsHost(cpu, rows, heads, width, shared, dy, x, dw)
            : HeadsKernels.DotsKernel.Bind(device, LaunchShapes.Elements(device, count), dy, x, dw, count, heads, width, shared);
    }

    private static void Require(int rows, int heads, int width, bool shared, BufferView<float> x, BufferView<float> w, BufferView<float> y)
    {
        Operand.Require(x, (long)rows * width * (shared ? 1 : heads));
        Operand.Require(w, (long)rows * heads);
        Operand.Require(y, (long)rows * heads * width);
    }
}

internal static partial class HeadsKernels
{
    /// <summary>One item an element of y.</summary>
    [Kernel]
    public static void Weigh(ArrayView<float> x, ArrayView<float> w, ArrayView<float> y, long count, int heads, int width, bool shared)
    {
        long i = ((long)Grid.IdxX * Group.DimX) + Group.IdxX;
        if (i < count)
        {
            long head = i / width;
            long from = shared ? (head / heads * width) + (i - (head * width)) : i;
            y[i] = w[head] * x[from];
        }
    }

    /// <summary>One item an element of dx.</summary>
    [Kernel]
    public static void Gather(ArrayView<float> dy, ArrayView<float> w, ArrayView<float> dx, long count, int heads, int width)
    {
        long i = ((long)Grid.IdxX * Group.DimX) + Group.IdxX;
        if (i < count)
        {
            long row = i / width;
            float sum = 0f;
            for (int e = 0; e < heads; e++)
            {
                long head = (row * heads) + e;
                sum += w[head] * dy[(head * width) + (i - (row * width))];
            }

            dx[i] = sum;
        }
    }

    /// <summary>One item a head of a row.</summary>
    [Kernel]
    public static void Dots(ArrayView<float> dy, ArrayView<float> x, ArrayView<float> dw, long count, int heads, int width, bool shared)
    {
        long head = ((long)Grid.IdxX * Group.DimX) + Group.IdxX;
        if (head < count)
        {
            long from = (shared ? head / heads : head) * width;
            float sum = 0f;
            for (int j = 0; j < width; j++)
            {
                sum += dy[(head * width) + j] * x[from + j];
            }

            dw[head] = sum;
        }
    }
}

internal sealed unsafe class WeighHeadsHost(
    CpuDevice device, int rows, int heads, int width, bool shared, BufferView<float> x, BufferView<float> w, BufferView<float> y)
    : RowHost(device, rows, heads * width)
{
    private readonly float* x = CpuDevice.Pointer(x);
    private readonly float* w = CpuDevice.Pointer(w);
    private readonly float* y = CpuDevice.Pointer(y);

    public override string Name => "Heads_Weigh";

    protected override void Row(int row, int worker)
    {
        for (int e = 0; e < heads; e++)
        {
            long head = ((long)row * heads) + e;
            float weight = w[head];
            float* from = x + ((shared ? row : head) * width);
            float* to = y + (head * width);
            for (int j = 0; j < width; j++)
            {
                to[j] = weight * from[j];
            }
        }
    }
}

internal sealed unsafe class GatherHeadsHost(
    CpuDevice device, int rows, int heads, int width, BufferView<float> dy, BufferView<float> w, BufferView<float> dx)
    : RowHost(device, rows, heads * width)
{
    private readonly float* dy = CpuDevice.Pointer(dy);
    private readonly float* w = CpuDevice.Pointer(w);
    private readonly float* dx = CpuDevice.Pointer(dx);

    public override string Name => "Heads_Gather";

    protected override void Row(int row, int worker)
    {
        float* to = dx + ((long)row * width);
        new Span<float>(to, width).Clear();
        for (int e = 0; e < heads; e++)
        {
            long head = ((long)row * heads) + e;
            float weight = w[head];
            float* from = dy + (head * width);
            for (int j = 0; j < width; j++)
            {
                to[j] += weight * from[j];
            }
        }
    }
}

internal sealed unsafe class HeadDotsHost(
    CpuDevice device, int rows, int heads, int width, bool shared, BufferView<float> dy, BufferView<float> x, BufferView<float> dw)
    : RowHost(device, rows, heads * width)
{
    private readonly float* dy = CpuDevice.Pointer(dy);
    private readonly float* x = CpuDevice.Pointer(x);
    private readonly float* dw = CpuDevice.Pointer(dw);

    public override string Name => "Heads_Dots";

    protected override void Row(int row, int worker)
    {
        for (int e = 0; e < heads; e++)
        {
            long head = ((long)row * heads) + e;
            dw[head] = (float)Lanes.Dot(dy + (head * width), x + ((shared ? row : head) * width), width);
        }
    }
}
