using System.Runtime.InteropServices;
using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>y[i] = x[index[i]], zeros for -1.</summary>
internal sealed unsafe class GatherRowsHost(CpuDevice device, int count, int columns, BufferView<float> x, BufferView<int> index, BufferView<float> y)
    : RowHost(device, count, columns)
{
    private readonly float* x = CpuDevice.Pointer(x);
    private readonly int* index = CpuDevice.Pointer(index);
    private readonly float* y = CpuDevice.Pointer(y);

    public override string Name => "RowSelection_Gather";

    protected override void Row(int row, int worker)
    {
        float* to = y + ((long)row * Columns);
        nuint bytes = (nuint)Columns * sizeof(float);
        int from = index[row];
        if (from < 0)
        {
            NativeMemory.Clear(to, bytes);
        }
        else
        {
            NativeMemory.Copy(x + ((long)from * Columns), to, bytes);
        }
    }
}

/// <summary>y[index[i]] = x[i]; rows of index -1 go nowhere.</summary>
internal sealed unsafe class WriteRowsHost(CpuDevice device, int count, int columns, BufferView<float> x, BufferView<int> index, BufferView<float> y)
    : RowHost(device, count, columns)
{
    private readonly float* x = CpuDevice.Pointer(x);
    private readonly int* index = CpuDevice.Pointer(index);
    private readonly float* y = CpuDevice.Pointer(y);

    public override string Name => "RowSelection_Write";

    protected override void Row(int row, int worker)
    {
        int to = index[row];
        if (to >= 0)
        {
            NativeMemory.Copy(x + ((long)row * Columns), y + ((long)to * Columns), (nuint)Columns * sizeof(float));
        }
    }
}
