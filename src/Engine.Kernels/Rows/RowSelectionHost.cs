using System.Runtime.InteropServices;
using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>y[i] = x[index[i]], zeros for -1.</summary>
internal sealed unsafe class GatherRowsHost(
    CpuDevice device, int count, int columns, BufferView<float> x, BufferView<int> index, BufferView<float> y)
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

/// <summary>y[index[i]] = x[i], rounded to what y stores; rows of index -1 go nowhere.</summary>
internal sealed unsafe class WriteRowsHost<TStored>(
    CpuDevice device, int count, int columns, BufferView<float> x, BufferView<int> index, BufferView<TStored> y)
    : RowHost(device, count, columns)
    where TStored : unmanaged
{
    private readonly float* x = CpuDevice.Pointer(x);
    private readonly int* index = CpuDevice.Pointer(index);
    private readonly TStored* y = CpuDevice.Pointer(y);

    public override string Name => "RowSelection_Write";

    protected override void Row(int row, int worker)
    {
        if (index[row] < 0)
        {
            return;
        }

        float* from = x + ((long)row * Columns);
        TStored* to = y + ((long)index[row] * Columns);
        if (typeof(TStored) == typeof(float))
        {
            NativeMemory.Copy(from, to, (nuint)Columns * sizeof(float));
            return;
        }

        for (int j = 0; j < Columns; j++)
        {
            Stored.Save(from[j], to + j);
        }
    }
}

/// <summary>y[:, j] = x[:, index[j]].</summary>
internal sealed unsafe class GatherColumnsHost(
    CpuDevice device, int rows, int columns, int count, BufferView<float> x, BufferView<int> index, BufferView<float> y)
    : RowHost(device, rows, count)
{
    private readonly float* x = CpuDevice.Pointer(x);
    private readonly int* index = CpuDevice.Pointer(index);
    private readonly float* y = CpuDevice.Pointer(y);

    public override string Name => "RowSelection_GatherColumns";

    protected override void Row(int row, int worker)
    {
        float* from = x + ((long)row * columns);
        float* to = y + ((long)row * Columns);
        for (int j = 0; j < Columns; j++)
        {
            to[j] = from[index[j]];
        }
    }
}
