namespace Engine.Kernels;

/// <summary>Four random words, or the numbers made from them.</summary>
internal struct PhiloxWords
{
    public uint X;
    public uint Y;
    public uint Z;
    public uint W;
}

/// <summary>Two independent standard normals.</summary>
internal struct NormalPair
{
    public float Cosine;
    public float Sine;
}

/// <summary>
/// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) for kernels.
/// </summary>
internal static class Philox
{
    /// <summary>The words of one block.</summary>
    public static PhiloxWords Block(ulong block, uint seedLow, uint seedHigh, uint stream, uint step)
    {
        PhiloxWords counter = default;
        counter.X = (uint)block;
        counter.Y = (uint)(block >> 32);
        counter.Z = stream;
        counter.W = step;

        // Ten rounds written out: a loop would keep drivers for CPU lanes from running items side by side in vectors.
        counter = Round(counter, seedLow, seedHigh, 0u);
        counter = Round(counter, seedLow, seedHigh, 1u);
        counter = Round(counter, seedLow, seedHigh, 2u);
        counter = Round(counter, seedLow, seedHigh, 3u);
        counter = Round(counter, seedLow, seedHigh, 4u);
        counter = Round(counter, seedLow, seedHigh, 5u);
        counter = Round(counter, seedLow, seedHigh, 6u);
        counter = Round(counter, seedLow, seedHigh, 7u);
        counter = Round(counter, seedLow, seedHigh, 8u);
        return Round(counter, seedLow, seedHigh, 9u);
    }

    private static PhiloxWords Round(PhiloxWords counter, uint seedLow, uint seedHigh, uint round)
    {
        ulong product0 = Math.BigMul(0xD2511F53u, counter.X);
        ulong product1 = Math.BigMul(0xCD9E8D57u, counter.Z);
        PhiloxWords next = default;
        next.X = (uint)(product1 >> 32) ^ counter.Y ^ (seedLow + (round * 0x9E3779B9u));
        next.Y = (uint)product1;
        next.Z = (uint)(product0 >> 32) ^ counter.W ^ (seedHigh + (round * 0xBB67AE85u));
        next.W = (uint)product0;
        return next;
    }
}
