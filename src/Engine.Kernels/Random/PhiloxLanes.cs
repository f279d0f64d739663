using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>
/// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011), sixteen blocks of four words at a
/// time. Words lie in the low halves of 64-bit lanes, where a product of two words needs no unpacking.
/// </summary>
internal readonly struct PhiloxLanes(uint seedLow, uint seedHigh, uint stream, uint step)
{
    /// <summary>Blocks of a group.</summary>
    public const int Blocks = 16;

    /// <summary>Words, and so elements, of a group.</summary>
    public const int Elements = 4 * Blocks;

    private const int Rounds = 10;

    /// <summary>
    /// Makes the four words of blocks <paramref name="group"/> * 16 to group * 16 + 15. Lane i of each word belongs to block
    /// (i % 4) * 4 + i / 4, which is what <see cref="Store"/> puts in order again.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Words(
        ulong group, out Vector512<uint> word0, out Vector512<uint> word1, out Vector512<uint> word2, out Vector512<uint> word3)
    {
        ulong block = group * Blocks;
        Vector512<ulong> first = Vector512.Create((ulong)(uint)block);
        Vector512<ulong> a0 = first + Vector512.Create(0UL, 8, 1, 9, 2, 10, 3, 11);
        Vector512<ulong> b0 = first + Vector512.Create(4UL, 12, 5, 13, 6, 14, 7, 15);
        Vector512<ulong> a1 = Vector512.Create(block >> 32), b1 = a1;
        Vector512<ulong> a2 = Vector512.Create((ulong)stream), b2 = a2;
        Vector512<ulong> a3 = Vector512.Create((ulong)step), b3 = a3;
        Vector512<ulong> key0 = Vector512.Create((ulong)seedLow);
        Vector512<ulong> key1 = Vector512.Create((ulong)seedHigh);
        for (int round = 0; round < Rounds; round++)
        {
            Round(ref a0, ref a1, ref a2, ref a3, key0, key1);
            Round(ref b0, ref b1, ref b2, ref b3, key0, key1);
            key0 += Vector512.Create(0x9E3779B9UL);
            key1 += Vector512.Create(0xBB67AE85UL);
        }

        word0 = Merge(a0, b0);
        word1 = Merge(a1, b1);
        word2 = Merge(a2, b2);
        word3 = Merge(a3, b3);
    }

    /// <summary>Stores four values for each of sixteen blocks in the order of elements: 64 floats.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe void Store(Vector512<float> z0, Vector512<float> z1, Vector512<float> z2, Vector512<float> z3, float* to)
    {
        Vector512<float> low01 = Lanes.InterleaveLow(z0, z1);
        Vector512<float> low23 = Lanes.InterleaveLow(z2, z3);
        Vector512<float> high01 = Lanes.InterleaveHigh(z0, z1);
        Vector512<float> high23 = Lanes.InterleaveHigh(z2, z3);
        Lanes.InterleaveLowPairs(low01, low23).Store(to);
        Lanes.InterleaveHighPairs(low01, low23).Store(to + 16);
        Lanes.InterleaveLowPairs(high01, high23).Store(to + 32);
        Lanes.InterleaveHighPairs(high01, high23).Store(to + 48);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Round(
        ref Vector512<ulong> c0, ref Vector512<ulong> c1, ref Vector512<ulong> c2, ref Vector512<ulong> c3, Vector512<ulong> key0,
        Vector512<ulong> key1)
    {
        Vector512<ulong> product0 = Lanes.MultiplyLow32(c0, Vector512.Create(0xD2511F53UL));
        Vector512<ulong> product1 = Lanes.MultiplyLow32(c2, Vector512.Create(0xCD9E8D57UL));
        c0 = (product1 >>> 32) ^ c1 ^ key0;
        c1 = product1;
        c2 = (product0 >>> 32) ^ c3 ^ key1;
        c3 = product0;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Merge(Vector512<ulong> even, Vector512<ulong> odd) =>
        ((even & Vector512.Create((ulong)uint.MaxValue)) | (odd << 32)).AsUInt32();
}
