using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>The softmax of rows of a few numbers: gates of ranks, weights of experts.</summary>
public static class Softmax
{
    /// <summary>y = scale softmax(x / temperature) of each row; x, y [rows, columns].</summary>
    public static Launch Forward(
        Device device, int rows, int columns, float temperature, float scale, BufferView<float> x, BufferView<float> y)
    {
        Operand.Require(x, (long)rows * columns);
        Operand.Require(y, (long)rows * columns);
        return device is CpuDevice { Features.HostVectors: true } cpu
            ? new SoftmaxHost(cpu, rows, columns, temperature, scale, x, y)
            : SoftmaxKernels.ForwardKernel.Bind(device, LaunchShapes.Elements(device, rows), x, y, rows, columns, temperature, scale);
    }

    /// <summary>dx = y / temperature (dy - (y . dy) / scale) of each row, or dx += it; y is the forward's.</summary>
    /// <param name="adds">Adds to what dx holds.</param>
    public static Launch Backward(
        Device device, int rows, int columns, float temperature, float scale, bool adds,
        BufferView<float> y, BufferView<float> dy, BufferView<float> dx)
    {
        Operand.Require(y, (long)rows * columns);
        Operand.Require(dy, (long)rows * columns);
        Operand.Require(dx, (long)rows * columns);
        return device is CpuDevice { Features.HostVectors: true } cpu
            ? new SoftmaxGradientHost(cpu, rows, columns, temperature, scale, adds, y, dy, dx)
            : SoftmaxKernels.BackwardKernel.Bind(
                device, LaunchShapes.Elements(device, rows), y, dy, dx, rows, columns, temperature, scale, adds)
                .AlsoMoves(adds ? sizeof(float) * (long)rows * columns : 0);
    }
}

/// <summary>One item a row, whose numbers are few.</summary>
internal static partial class SoftmaxKernels
{
    [Kernel]
    public static void Forward(ArrayView<float> x, ArrayView<float> y, int rows, int columns, float temperature, float scale)
    {
        int row = (Grid.IdxX * Group.DimX) + Group.IdxX;
        if (row < rows)
        {
            long start = (long)row * columns;
            float largest = x[start];
            for (int j = 1; j < columns; j++)
            {
                largest = MathF.Max(largest, x[start + j]);
            }

            float sum = 0f;
            for (int j = 0; j < columns; j++)
            {
                sum += KernelMath.Exp((x[start + j] - largest) / temperature);
            }

            for (int j = 0; j < columns; j++)
            {
                y[start + j] = scale * KernelMath.Exp((x[start + j] - largest) / temperature) / sum;
            }
        }
    }

    [Kernel]
    public static void Backward(
        ArrayView<float> y, ArrayView<float> dy, ArrayView<float> dx, int rows, int columns, float temperature, float scale, bool adds)
    {
        int row = (Grid.IdxX * Group.DimX) + Group.IdxX;
        if (row < rows)
        {
            long start = (long)row * columns;
            float dot = 0f;
            for (int j = 0; j < columns; j++)
            {
                dot += y[start + j] * dy[start + j];
            }

            for (int j = 0; j < columns; j++)
            {
                float gradient = y[start + j] / temperature * (dy[start + j] - (dot / scale));
                dx[start + j] = adds ? dx[start + j] + gradient : gradient;
            }
        }
    }
}

internal sealed unsafe class SoftmaxHost(
    CpuDevice device, int rows, int columns, float temperature, float scale, BufferView<float> x, BufferView<float> y)
    : RowHost(device, rows, columns)
{
    private readonly float* x = CpuDevice.Pointer(x);
    private readonly float* y = CpuDevice.Pointer(y);

    public override string Name => "Softmax_Forward";

    protected override void Row(int row, int worker)
    {
        float* from = x + ((long)row * Columns);
        float* to = y + ((long)row * Columns);
        float largest = from[0];
        for (int j = 1; j < Columns; j++)
        {
            largest = Math.Max(largest, from[j]);
        }

        double sum = 0;
        for (int j = 0; j < Columns; j++)
        {
            to[j] = KernelMath.Exp((from[j] - largest) / temperature);
            sum += to[j];
        }

        for (int j = 0; j < Columns; j++)
        {
            to[j] = (float)(scale * to[j] / sum);
        }
    }
}

internal sealed unsafe class SoftmaxGradientHost(
    CpuDevice device, int rows, int columns, float temperature, float scale, bool adds,
    BufferView<float> y, BufferView<float> dy, BufferView<float> dx)
    : RowHost(device, rows, columns)
{
    private readonly float* y = CpuDevice.Pointer(y);
    private readonly float* dy = CpuDevice.Pointer(dy);
    private readonly float* dx = CpuDevice.Pointer(dx);

    public override string Name => "Softmax_Backward";

    protected override void Row(int row, int worker)
    {
        long start = (long)row * Columns;
        double dot = 0;
        for (int j = 0; j < Columns; j++)
        {
            dot += (double)y[start + j] * dy[start + j];
        }

        for (int j = 0; j < Columns; j++)
        {
            float gradient = (float)(y[start + j] / temperature * (dy[start + j] - (dot / scale)));
            dx[start + j] = adds ? dx[start + j] + gradient : gradient;
        }
    }
}
