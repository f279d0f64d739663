using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>Rows of a table, token by token, written or added.</summary>
internal sealed unsafe class EmbeddingForwardHost<TStored>(
    CpuDevice device, int tokens, int columns, BufferView<TStored> table, BufferView<int> ids, BufferView<float> y, bool accumulate)
        : RowHost(device, tokens, columns)
    where TStored : unmanaged
{
    private readonly TStored* table = CpuDevice.Pointer(table);
    private readonly int* ids = CpuDevice.Pointer(ids);
    private readonly float* y = CpuDevice.Pointer(y);

    public override string Name => "Embedding_Forward";

    protected override void Row(int row, int worker)
    {
        float* to = y + ((long)row * Columns);
        TStored* from = table + ((long)ids[row] * Columns);
        int j = 0;
        for (; j <= Columns - Lanes.Count; j += Lanes.Count)
        {
            Vector512<float> value = Stored.Load<Simd512, TStored>(from + j);
            (accumulate ? Vector512.Load(to + j) + value : value).Store(to + j);
        }

        for (; j < Columns; j++)
        {
            float value = Stored.Load(from + j);
            to[j] = accumulate ? to[j] + value : value;
        }
    }
}

/// <summary>dTable[ids[t]] += dy[t]: each strip of columns walks the tokens in their order, so no two threads meet in an element.</summary>
internal sealed unsafe class EmbeddingGradientHost(
    CpuDevice device, int tokens, int columns, int paddingId, BufferView<int> ids, BufferView<float> dy, BufferView<float> dTable)
    : StripHost(device, tokens, columns)
{
    private readonly int* ids = CpuDevice.Pointer(ids);
    private readonly float* dy = CpuDevice.Pointer(dy);
    private readonly float* dTable = CpuDevice.Pointer(dTable);

    public override string Name => "Embedding_Gradient";

    protected override void Strip(int column, int width)
    {
        for (int token = 0; token < Rows; token++)
        {
            int id = ids[token];
            if (id == paddingId)
            {
                continue;
            }

            Add(dy + ((long)token * Columns) + column, dTable + ((long)id * Columns) + column, width);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(float* from, float* to, int width)
    {
        int j = 0;
        for (; j <= width - Lanes.Count; j += Lanes.Count)
        {
            (Vector512.Load(to + j) + Vector512.Load(from + j)).Store(to + j);
        }

        for (; j < width; j++)
        {
            to[j] += from[j];
        }
    }
}
