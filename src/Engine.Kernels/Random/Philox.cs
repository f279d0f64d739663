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
/// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) and Box-Muller for kernels. The
/// arithmetic is that of the host's vectors, operation by operation, so that devices agree to the last bits.
/// </summary>
internal static class Philox
{
    private const float TwoToMinus32 = 1f / 4294967296f;

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

    /// <summary>Standard normals of two words, u = (word + 0.5) 2^-32: sqrt(-2 ln u0) (cos, sin)(2 pi u1). See <see cref="BoxMuller"/>.</summary>
    public static NormalPair Normals(uint radiusWord, uint angleWord)
    {
        float radius = MathF.Sqrt(-2f * LogUniform(radiusWord));

        // The nearest quarter turn, and the way from it: an eighth of a turn at most, exact as an integer.
        uint quarter = (angleWord + 0x20000000u) >> 30;
        int way = (int)(angleWord - (quarter << 30));
        float t = (way + 0.5f) * TwoToMinus32;
        float s = t * t;
        float p = -75.401611328125f;
        p = MathF.FusedMultiplyAdd(p, s, 81.59254455566406f);
        p = MathF.FusedMultiplyAdd(p, s, -41.3416633605957f);
        p = MathF.FusedMultiplyAdd(p, s, 6.2831854820251465f);
        float q = 59.42410659790039f;
        q = MathF.FusedMultiplyAdd(q, s, -85.44882202148438f);
        q = MathF.FusedMultiplyAdd(q, s, 64.93936920166016f);
        q = MathF.FusedMultiplyAdd(q, s, -19.739208221435547f);
        float sine = radius * (p * t);
        float cosine = radius * MathF.FusedMultiplyAdd(q, s, 1f);

        NormalPair pair = default;
        pair.Cosine = quarter == 0u ? cosine : quarter == 1u ? -sine : quarter == 2u ? -cosine : sine;
        pair.Sine = quarter == 0u ? sine : quarter == 1u ? cosine : quarter == 2u ? -sine : -cosine;
        return pair;
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

    /// <summary>ln((word + 0.5) 2^-32), relative error below 2e-7.</summary>
    private static float LogUniform(uint word)
    {
        bool upper = word >= 0x80000000u;
        int distance = (int)(upper ? ~word : word);
        float scaled = (distance + 0.5f) * TwoToMinus32;
        float u = upper ? 1f - scaled : scaled;
        int bits = BitConverter.SingleToInt32Bits(u) - 0x3F3504F3;
        float exponent = bits >> 23;
        float f = BitConverter.Int32BitsToSingle((bits & 0x007FFFFF) + 0x3F3504F3) - 1f;

        // Near 1 the subtraction 1 - w has rounded: there f = -w itself.
        f = upper && scaled < 0.25f ? -scaled : f;
        float p = -0.0790274366736412f;
        p = MathF.FusedMultiplyAdd(p, f, 0.12622319161891937f);
        p = MathF.FusedMultiplyAdd(p, f, -0.12998183071613312f);
        p = MathF.FusedMultiplyAdd(p, f, 0.14214496314525604f);
        p = MathF.FusedMultiplyAdd(p, f, -0.166412815451622f);
        p = MathF.FusedMultiplyAdd(p, f, 0.20001044869422913f);
        p = MathF.FusedMultiplyAdd(p, f, -0.25000306963920593f);
        p = MathF.FusedMultiplyAdd(p, f, 0.3333333134651184f);
        float square = f * f;
        float tail = MathF.FusedMultiplyAdd(p, f * square, square * -0.5f);
        return MathF.FusedMultiplyAdd(exponent, 0.6931471805599453f, f + tail);
    }
}
