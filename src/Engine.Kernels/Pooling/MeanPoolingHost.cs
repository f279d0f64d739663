using System.Numerics;
using System.Runtime.InteropServices;
using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>y[i] = mean, or sum, of a text's rows of x: summed in their order, so that the numbers are the kernel's.</summary>
internal sealed unsafe class MeanPoolingHost(
    CpuDevice device, int texts, int columns, bool mean, BufferView<float> x, BufferView<int> rowStart, BufferView<float> y)
    : RowHost(device, texts, columns)
{
    private readonly float* x = CpuDevice.Pointer(x);
    private readonly int* rowStart = CpuDevice.Pointer(rowStart);
    private readonly float* y = CpuDevice.Pointer(y);

    public override string Name => "MeanPooling_Forward";

    protected override void Row(int text, int worker)
    {
        float* to = y + ((long)text * Columns);
        float count = mean ? rowStart[text + 1] - rowStart[text] : 1;
        int j = 0;
        for (; j + Vector<float>.Count <= Columns; j += Vector<float>.Count)
        {
            Vector<float> sum = Vector<float>.Zero;
            for (int row = rowStart[text]; row < rowStart[text + 1]; row++)
            {
                sum += Vector.Load(x + ((long)row * Columns) + j);
            }

            (sum / count).Store(to + j);
        }

        for (; j < Columns; j++)
        {
            float sum = 0f;
            for (int row = rowStart[text]; row < rowStart[text + 1]; row++)
            {
                sum += x[((long)row * Columns) + j];
            }

            to[j] = sum / count;
        }
    }
}

/// <summary>dx[t] = dy[i] / (rows of text i), or dy[i], for the rows t of text i.</summary>
internal sealed unsafe class MeanPoolingGradientHost(
    CpuDevice device, int texts, int columns, bool mean, BufferView<float> dy, BufferView<int> rowStart, BufferView<float> dx)
    : RowHost(device, texts, columns)
{
    private readonly float* dy = CpuDevice.Pointer(dy);
    private readonly int* rowStart = CpuDevice.Pointer(rowStart);
    private readonly float* dx = CpuDevice.Pointer(dx);

    public override string Name => "MeanPooling_Backward";

    protected override void Row(int text, int worker)
    {
        int first = rowStart[text], end = rowStart[text + 1];
        if (first == end)
        {
            return;
        }

        float* share = dx + ((long)first * Columns);
        for (int j = 0; j < Columns; j++)
        {
            share[j] = dy[((long)text * Columns) + j] / (mean ? end - first : 1);
        }

        for (int row = first + 1; row < end; row++)
        {
            NativeMemory.Copy(share, dx + ((long)row * Columns), (nuint)Columns * sizeof(float));
        }
    }
}
