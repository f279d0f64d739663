namespace Engine.Kernels.Tests;

/// <summary>Philox4x32-10 and Box-Muller in plain float64, as DESIGN section 5 states them.</summary>
internal static class PhiloxReference
{
    public static uint[] Block(uint[] counter, uint[] key)
    {
        uint[] c = [.. counter];
        uint k0 = key[0], k1 = key[1];
        for (int round = 0; round < 10; round++)
        {
            ulong p0 = 0xD2511F53UL * c[0], p1 = 0xCD9E8D57UL * c[2];
            c = [(uint)(p1 >> 32) ^ c[1] ^ k0, (uint)p1, (uint)(p0 >> 32) ^ c[3] ^ k1, (uint)p0];
            k0 += 0x9E3779B9;
            k1 += 0xBB67AE85;
        }

        return c;
    }

    /// <summary>The word of one element.</summary>
    public static uint Word(long element, ulong seed, uint stream, uint step)
    {
        ulong block = (ulong)element / 4;
        return Block([(uint)block, (uint)(block >> 32), stream, step], [(uint)seed, (uint)(seed >> 32)])[element % 4];
    }

    /// <summary>The standard normal of one element.</summary>
    public static double Normal(long element, ulong seed, uint stream, uint step)
    {
        long pair = element & ~1L;
        double u0 = (Word(pair, seed, stream, step) + 0.5) / 4294967296.0;
        double u1 = (Word(pair + 1, seed, stream, step) + 0.5) / 4294967296.0;
        (double sine, double cosine) = Math.SinCos(2 * Math.PI * u1);
        return Math.Sqrt(-2 * Math.Log(u0)) * (element % 2 == 0 ? cosine : sine);
    }
}
