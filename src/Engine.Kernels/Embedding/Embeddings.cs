using Engine.Devices;

namespace Engine.Kernels;

/// <summary>Embedding tables. An id outside a table is a host error, found before upload; kernels do not check.</summary>
public static class Embeddings
{
    /// <summary>y[t] = word[ids[t]] + position[positions[t]] + type[types[t]]; tables [_, columns], y [tokens, columns]; the second and third pair may be absent.</summary>
    public static Launch Forward(
        Device device, int tokens, int columns,
        BufferView<float> word, BufferView<int> ids,
        BufferView<float>? position, BufferView<int>? positions,
        BufferView<float>? type, BufferView<int>? types,
        BufferView<float> y) => throw new NotImplementedException();

    /// <summary>dTable[ids[t]] += dy[t], tokens with one id added in their order (no atomics). Ids equal to <paramref name="paddingId"/> get no gradient (-1: none such).</summary>
    public static Launch Gradient(Device device, int tokens, int columns, int tableRows, int paddingId, BufferView<int> ids, BufferView<float> dy, BufferView<float> dTable)
        => throw new NotImplementedException();
}
