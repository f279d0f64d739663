namespace Engine.Kernels.Host;

/// <summary>Hands out a worker's scratch memory piece by piece, each piece aligned to a cache line.</summary>
internal unsafe struct ScratchCursor(byte* start, int bytes)
{
    private const int Line = 64;
    private byte* next = start;
    private readonly byte* end = start + bytes;

    /// <exception cref="InvalidOperationException">The scratch memory is used up.</exception>
    public float* Take(int count)
    {
        byte* taken = next;
        next += ((long)count * sizeof(float) + Line - 1) / Line * Line;
        if (next > end)
        {
            throw new InvalidOperationException(
                $"A host kernel asks for {next - end} bytes more than the scratch memory of a worker holds.");
        }

        return (float*)taken;
    }
}
