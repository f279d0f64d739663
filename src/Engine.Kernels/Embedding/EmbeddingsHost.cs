using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>Sums of up to three table rows, token by token.</summary>
internal sealed unsafe class EmbeddingForwardHost(
    CpuDevice device, int tokens, int columns,
    BufferView<float> word, BufferView<int> ids,
    BufferView<float>? position, BufferView<int>? positions,
    BufferView<float>? type, BufferView<int>? types,
    BufferView<float> y) : RowHost(device, tokens, columns)
{
    private readonly float* word = CpuDevice.Pointer(word);
    private readonly int* ids = CpuDevice.Pointer(ids);
    private readonly float* position = position is { } table ? CpuDevice.Pointer(table) : null;
    private readonly int* positions = positions is { } index ? CpuDevice.Pointer(index) : null;
    private readonly float* type = type is { } table ? CpuDevice.Pointer(table) : null;
    private readonly int* types = types is { } index ? CpuDevice.Pointer(index) : null;
    private readonly float* y = CpuDevice.Pointer(y);

    public override string Name => "Embedding_Forward";

    protected override void Row(int row, int worker)
    {
        float* to = y + ((long)row * Columns);
        float* first = word + ((long)ids[row] * Columns);
        float* second = position == null ? null : position + ((long)positions[row] * Columns);
        float* third = type == null ? null : type + ((long)types[row] * Columns);
        int j = 0;
        for (; j <= Columns - Lanes.Count; j += Lanes.Count)
        {
            Vector512<float> sum = Vector512.Load(first + j);
            sum = second == null ? sum : sum + Vector512.Load(second + j);
            sum = third == null ? sum : sum + Vector512.Load(third + j);
            sum.Store(to + j);
        }

        for (; j < Columns; j++)
        {
            float sum = first[j];
            sum = second == null ? sum : sum + second[j];
            to[j] = third == null ? sum : sum + third[j];
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
