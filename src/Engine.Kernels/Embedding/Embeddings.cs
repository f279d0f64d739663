namespace Engine.Kernels;

/// <summary>Embedding tables. An id outside a table is a host error, found before upload; kernels do not check.</summary>
public static class Embeddings
{
    /// <summary>
    /// y[t] = table[ids[t]], or with <paramref name="accumulate"/> y[t] += table[ids[t]]; table [_, columns], y [tokens, columns].
    /// </summary>
    public static Launch Forward(
        Device device, int tokens, int columns, WeightView table, BufferView<int> ids, BufferView<float> y, bool accumulate = false)
    {
        Operand.Require(ids, tokens);
        Operand.Require(y, (long)tokens * columns);
        return table.Type switch
        {
            ElementType.Float32 => Bind(table.As<float>()),
            ElementType.Float16 => Bind(table.As<Half>()),
            _ => Bind(table.As<BFloat16>()),
        };

        Launch Bind<TStored>(BufferView<TStored> stored)
            where TStored : unmanaged => device is CpuDevice { Features.HostVectors: true } cpu
                ? new EmbeddingForwardHost<TStored>(cpu, tokens, columns, stored, ids, y, accumulate)
                : EmbeddingsKernels.ForwardKernel.Bind(
                    device, new LaunchShape(tokens, LaunchShapes.RowGroup(device, columns)), stored, ids, y, columns, accumulate)
                    .Moves(
                        (long)tokens * (sizeof(int) + (columns * (table.Type.SizeInBytes() + ((accumulate ? 2L : 1L) * sizeof(float))))));
    }

    /// <summary>
    /// dTable[ids[t]] += dy[t], tokens with one id added in their order (no atomics). Ids equal to <paramref name="paddingId"/> get no
    /// gradient (-1: none such).
    /// </summary>
    public static Launch Gradient(
        Device device, int tokens, int columns, int tableRows, int paddingId, BufferView<int> ids, BufferView<float> dy,
        BufferView<float> dTable)
    {
        Operand.Require(ids, tokens);
        Operand.Require(dy, (long)tokens * columns);
        Operand.Require(dTable, (long)tableRows * columns);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return new EmbeddingGradientHost(cpu, tokens, columns, paddingId, ids, dy, dTable);
        }

        return EmbeddingsKernels.GradientKernel.Bind(
            device, new LaunchShape(tokens, LaunchShapes.RowGroup(device, columns)), ids, dy, dTable, tokens, columns, paddingId)
            .Moves((long)tokens * (sizeof(int) + (3L * columns * sizeof(float))));
    }
}
