using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Engine.Kernels.Host;

/// <summary>
/// What the host kernels need beside <see cref="Vector512"/>. They are written once in sixteen lanes; where the machine has
/// narrower vectors the runtime splits them in halves, at a small cost and with the same numbers.
/// </summary>
internal static unsafe class Lanes
{
    /// <summary>Float32 lanes of a vector.</summary>
    public const int Count = 16;

    /// <summary>
    /// The first <paramref name="count"/> (0 to 16) elements at <paramref name="from"/>, zeros after them; nothing behind them is read.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LoadPartial(float* from, int count)
    {
        // Without a call: registers do not outlive one, and a loop before it would keep its sums in memory.
        Vector512<float> mask = Mask(count);
        if (Avx512F.IsSupported)
        {
            return Avx512F.MaskLoad(from, mask, Vector512<float>.Zero);
        }

        if (Avx.IsSupported)
        {
            return Vector512.Create(Avx.MaskLoad(from, mask.GetLower()), Avx.MaskLoad(from + 8, mask.GetUpper()));
        }

        Vector512<float> lanes = Vector512<float>.Zero;
        new ReadOnlySpan<float>(from, count).CopyTo(new Span<float>(&lanes, Count));
        return lanes;
    }

    /// <summary>Stores the first <paramref name="count"/> (0 to 16) lanes; nothing behind them is written.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StorePartial(Vector512<float> lanes, float* to, int count)
    {
        Vector512<float> mask = Mask(count);
        if (Avx512F.IsSupported)
        {
            Avx512F.MaskStore(to, mask, lanes);
        }
        else if (Avx.IsSupported)
        {
            Avx.MaskStore(to, mask.GetLower(), lanes.GetLower());
            Avx.MaskStore(to + 8, mask.GetUpper(), lanes.GetUpper());
        }
        else
        {
            new ReadOnlySpan<float>(&lanes, count).CopyTo(new Span<float>(to, count));
        }
    }

    /// <summary>All bits in the first <paramref name="count"/> lanes, none in the rest.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Mask(int count) => Vector512.LessThan(Vector512<int>.Indices, Vector512.Create(count)).AsSingle();

    /// <summary>Lanes below <paramref name="count"/> as they are, <paramref name="other"/> in the rest.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> First(int count, Vector512<float> lanes, Vector512<float> other) =>
        Vector512.ConditionalSelect(Mask(count), lanes, other);

    /// <summary>The sum of sixteen float32 lanes, added in float64 by halves.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Sum(Vector512<float> lanes)
    {
        (Vector512<double> low, Vector512<double> high) = Vector512.Widen(lanes);
        return Sum(low + high);
    }

    /// <summary>The sum of eight float64 lanes by halves: the same order on every machine.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Sum(Vector512<double> lanes)
    {
        Vector256<double> four = lanes.GetLower() + lanes.GetUpper();
        Vector128<double> two = four.GetLower() + four.GetUpper();
        return two.GetElement(0) + two.GetElement(1);
    }

    /// <summary>x . y in float64.</summary>
    public static double Dot<TStored>(TStored* x, TStored* y, int count)
        where TStored : unmanaged
    {
        Vector512<double> low = Vector512<double>.Zero;
        Vector512<double> high = Vector512<double>.Zero;
        int i = 0;
        for (; i <= count - Count; i += Count)
        {
            Accumulate(Stored.Load<Simd512, TStored>(x + i), Stored.Load<Simd512, TStored>(y + i), ref low, ref high);
        }

        if (i < count)
        {
            Accumulate(
                Stored.LoadPart<Simd512, TStored>(x + i, count - i), Stored.LoadPart<Simd512, TStored>(y + i, count - i),
                ref low, ref high);
        }

        return Sum(low + high);
    }

    /// <summary>In every 128-bit quarter: a0 b0 a1 b1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> InterleaveLow(Vector512<float> a, Vector512<float> b) => Avx512F.IsSupported
        ? Avx512F.UnpackLow(a, b)
        : Vector512.Create(InterleaveLow(a.GetLower(), b.GetLower()), InterleaveLow(a.GetUpper(), b.GetUpper()));

    /// <summary>In every 128-bit quarter: a2 b2 a3 b3.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> InterleaveHigh(Vector512<float> a, Vector512<float> b) => Avx512F.IsSupported
        ? Avx512F.UnpackHigh(a, b)
        : Vector512.Create(InterleaveHigh(a.GetLower(), b.GetLower()), InterleaveHigh(a.GetUpper(), b.GetUpper()));

    /// <summary>In every 128-bit quarter, pairs of lanes: a01 b01.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> InterleaveLowPairs(Vector512<float> a, Vector512<float> b) => Avx512F.IsSupported
        ? Avx512F.UnpackLow(a.AsDouble(), b.AsDouble()).AsSingle()
        : Vector512.Create(InterleaveLowPairs(a.GetLower(), b.GetLower()), InterleaveLowPairs(a.GetUpper(), b.GetUpper()));

    /// <summary>In every 128-bit quarter, pairs of lanes: a23 b23.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> InterleaveHighPairs(Vector512<float> a, Vector512<float> b) => Avx512F.IsSupported
        ? Avx512F.UnpackHigh(a.AsDouble(), b.AsDouble()).AsSingle()
        : Vector512.Create(InterleaveHighPairs(a.GetLower(), b.GetLower()), InterleaveHighPairs(a.GetUpper(), b.GetUpper()));

    /// <summary>The 64-bit products of the low halves of 64-bit lanes; the high halves do not matter.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<ulong> MultiplyLow32(Vector512<ulong> a, Vector512<ulong> b)
    {
        if (Avx512F.IsSupported)
        {
            return Avx512F.Multiply(a.AsUInt32(), b.AsUInt32());
        }

        if (Avx2.IsSupported)
        {
            return Vector512.Create(
                Avx2.Multiply(a.GetLower().AsUInt32(), b.GetLower().AsUInt32()),
                Avx2.Multiply(a.GetUpper().AsUInt32(), b.GetUpper().AsUInt32()));
        }

        Vector512<ulong> mask = Vector512.Create((ulong)uint.MaxValue);
        return (a & mask) * (b & mask);
    }

    private static void Accumulate(Vector512<float> x, Vector512<float> y, ref Vector512<double> low, ref Vector512<double> high)
    {
        (Vector512<double> xLow, Vector512<double> xHigh) = Vector512.Widen(x);
        (Vector512<double> yLow, Vector512<double> yHigh) = Vector512.Widen(y);
        low = Vector512.FusedMultiplyAdd(xLow, yLow, low);
        high = Vector512.FusedMultiplyAdd(xHigh, yHigh, high);
    }

    private static Vector256<float> InterleaveLow(Vector256<float> a, Vector256<float> b) => Avx.IsSupported
        ? Avx.UnpackLow(a, b)
        : Vector256.Create(Merge(a.GetLower(), 0, 1, b.GetLower()), Merge(a.GetUpper(), 0, 1, b.GetUpper()));

    private static Vector256<float> InterleaveHigh(Vector256<float> a, Vector256<float> b) => Avx.IsSupported
        ? Avx.UnpackHigh(a, b)
        : Vector256.Create(Merge(a.GetLower(), 2, 3, b.GetLower()), Merge(a.GetUpper(), 2, 3, b.GetUpper()));

    private static Vector256<float> InterleaveLowPairs(Vector256<float> a, Vector256<float> b) => Avx.IsSupported
        ? Avx.UnpackLow(a.AsDouble(), b.AsDouble()).AsSingle()
        : Vector256.Create(
            Vector128.Create(a.GetLower().GetLower(), b.GetLower().GetLower()),
            Vector128.Create(a.GetUpper().GetLower(), b.GetUpper().GetLower()));

    private static Vector256<float> InterleaveHighPairs(Vector256<float> a, Vector256<float> b) => Avx.IsSupported
        ? Avx.UnpackHigh(a.AsDouble(), b.AsDouble()).AsSingle()
        : Vector256.Create(
            Vector128.Create(a.GetLower().GetUpper(), b.GetLower().GetUpper()),
            Vector128.Create(a.GetUpper().GetUpper(), b.GetUpper().GetUpper()));

    private static Vector128<float> Merge(Vector128<float> a, int first, int second, Vector128<float> b) =>
        Vector128.Create(a.GetElement(first), b.GetElement(first), a.GetElement(second), b.GetElement(second));
}
