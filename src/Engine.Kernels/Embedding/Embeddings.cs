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
        BufferView<float> y)
    {
        Operand.Require(ids, tokens);
        Operand.Require(positions, tokens);
        Operand.Require(types, tokens);
        Operand.Require(y, (long)tokens * columns);
        RequirePair(position is null, positions is null, nameof(position));
        RequirePair(type is null, types is null, nameof(type));
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return new EmbeddingForwardHost(cpu, tokens, columns, word, ids, position, positions, type, types, y);
        }

        return EmbeddingsKernels.ForwardKernel.Bind(
            device, new LaunchShape(tokens, LaunchShapes.RowGroup(device, columns)),
            word, ids, position ?? default, positions ?? default, type ?? default, types ?? default, y, columns, position is not null, type is not null);
    }

    /// <summary>dTable[ids[t]] += dy[t], tokens with one id added in their order (no atomics). Ids equal to <paramref name="paddingId"/> get no gradient (-1: none such).</summary>
    public static Launch Gradient(Device device, int tokens, int columns, int tableRows, int paddingId, BufferView<int> ids, BufferView<float> dy, BufferView<float> dTable)
    {
        Operand.Require(ids, tokens);
        Operand.Require(dy, (long)tokens * columns);
        Operand.Require(dTable, (long)tableRows * columns);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return new EmbeddingGradientHost(cpu, tokens, columns, paddingId, ids, dy, dTable);
        }

        return device.Features.CpuLanes
            ? EmbeddingsKernels.GradientByColumnsKernel.Bind(device, new LaunchShape((columns + 15) / 16, 1), ids, dy, dTable, tokens, columns, paddingId)
            : EmbeddingsKernels.GradientByTokensKernel.Bind(
                device, new LaunchShape(tokens, LaunchShapes.RowGroup(device, columns)), ids, dy, dTable, tokens, columns, paddingId);
    }

    private static void RequirePair(bool tableAbsent, bool indexAbsent, string name)
    {
        if (tableAbsent != indexAbsent)
        {
            throw new ArgumentException($"An embedding needs the {name} table and its indices together, or neither.", name);
        }
    }
}
