using System.Runtime.CompilerServices;
using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>
/// The register tile of a matrix product: C tile = alpha * sum over k of (column of A) (row of B) [+ C tile], all partial
/// sums held in registers. A's element (i, k) is a[i * aRow + k * aStep]; B's row k starts at b + k * bStep.
/// </summary>
internal unsafe interface ITile<T>
    where T : struct, ISimd<T>
{
    /// <summary>Rows of the tile.</summary>
    static abstract int Rows { get; }

    /// <summary>Multiplies a tile three registers wide.</summary>
    static abstract void Wide(
        int k, float* a, long aRow, long aStep, float* b, long bStep, float* c, long cRow, float alpha, bool accumulate);

    /// <summary>Multiplies a tile one register wide.</summary>
    static abstract void Narrow(
        int k, float* a, long aRow, long aStep, float* b, long bStep, float* c, long cRow, float alpha, bool accumulate);
}

/// <summary>Columns of the two tiles, and how a finished row of one is stored.</summary>
internal static unsafe class Tiles
{
    public static int WideColumns<T>()
        where T : struct, ISimd<T> => 3 * T.Count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Put<T>(float* c, T c0, T c1, T c2, T scale, bool accumulate)
        where T : struct, ISimd<T>
    {
        Put(c, c0, scale, accumulate);
        Put(c + T.Count, c1, scale, accumulate);
        Put(c + (2 * T.Count), c2, scale, accumulate);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Put<T>(float* c, T value, T scale, bool accumulate)
        where T : struct, ISimd<T>
        => (accumulate ? T.MultiplyAdd(scale, value, T.Load(c)) : scale * value).Store(c);
}

/// <summary>24 sums in the 32 registers of AVX-512.</summary>
internal unsafe struct Tile8<T> : ITile<T>
    where T : struct, ISimd<T>
{
    public static int Rows => 8;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Wide(
        int k, float* a, long aRow, long aStep, float* b, long bStep, float* c, long cRow, float alpha, bool accumulate)
    {
        T c00 = T.Zero, c01 = T.Zero, c02 = T.Zero;
        T c10 = T.Zero, c11 = T.Zero, c12 = T.Zero;
        T c20 = T.Zero, c21 = T.Zero, c22 = T.Zero;
        T c30 = T.Zero, c31 = T.Zero, c32 = T.Zero;
        T c40 = T.Zero, c41 = T.Zero, c42 = T.Zero;
        T c50 = T.Zero, c51 = T.Zero, c52 = T.Zero;
        T c60 = T.Zero, c61 = T.Zero, c62 = T.Zero;
        T c70 = T.Zero, c71 = T.Zero, c72 = T.Zero;
        long aRow2 = aRow * 2, aRow3 = aRow * 3;
        float* a4 = a + (aRow * 4);
        for (; k > 0; k--)
        {
            T b0 = T.Load(b);
            T b1 = T.Load(b + T.Count);
            T b2 = T.Load(b + (2 * T.Count));
            T x0 = T.Broadcast(a[0]);
            c00 = T.MultiplyAdd(x0, b0, c00);
            c01 = T.MultiplyAdd(x0, b1, c01);
            c02 = T.MultiplyAdd(x0, b2, c02);
            T x1 = T.Broadcast(a[aRow]);
            c10 = T.MultiplyAdd(x1, b0, c10);
            c11 = T.MultiplyAdd(x1, b1, c11);
            c12 = T.MultiplyAdd(x1, b2, c12);
            T x2 = T.Broadcast(a[aRow2]);
            c20 = T.MultiplyAdd(x2, b0, c20);
            c21 = T.MultiplyAdd(x2, b1, c21);
            c22 = T.MultiplyAdd(x2, b2, c22);
            T x3 = T.Broadcast(a[aRow3]);
            c30 = T.MultiplyAdd(x3, b0, c30);
            c31 = T.MultiplyAdd(x3, b1, c31);
            c32 = T.MultiplyAdd(x3, b2, c32);
            T x4 = T.Broadcast(a4[0]);
            c40 = T.MultiplyAdd(x4, b0, c40);
            c41 = T.MultiplyAdd(x4, b1, c41);
            c42 = T.MultiplyAdd(x4, b2, c42);
            T x5 = T.Broadcast(a4[aRow]);
            c50 = T.MultiplyAdd(x5, b0, c50);
            c51 = T.MultiplyAdd(x5, b1, c51);
            c52 = T.MultiplyAdd(x5, b2, c52);
            T x6 = T.Broadcast(a4[aRow2]);
            c60 = T.MultiplyAdd(x6, b0, c60);
            c61 = T.MultiplyAdd(x6, b1, c61);
            c62 = T.MultiplyAdd(x6, b2, c62);
            T x7 = T.Broadcast(a4[aRow3]);
            c70 = T.MultiplyAdd(x7, b0, c70);
            c71 = T.MultiplyAdd(x7, b1, c71);
            c72 = T.MultiplyAdd(x7, b2, c72);
            a += aStep;
            a4 += aStep;
            b += bStep;
        }

        T scale = T.Broadcast(alpha);
        Tiles.Put(c, c00, c01, c02, scale, accumulate);
        Tiles.Put(c + cRow, c10, c11, c12, scale, accumulate);
        Tiles.Put(c + (2 * cRow), c20, c21, c22, scale, accumulate);
        Tiles.Put(c + (3 * cRow), c30, c31, c32, scale, accumulate);
        Tiles.Put(c + (4 * cRow), c40, c41, c42, scale, accumulate);
        Tiles.Put(c + (5 * cRow), c50, c51, c52, scale, accumulate);
        Tiles.Put(c + (6 * cRow), c60, c61, c62, scale, accumulate);
        Tiles.Put(c + (7 * cRow), c70, c71, c72, scale, accumulate);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Narrow(
        int k, float* a, long aRow, long aStep, float* b, long bStep, float* c, long cRow, float alpha, bool accumulate)
    {
        // Even and odd k go to sums of their own: one set would wait for the latency of its additions.
        T c0 = T.Zero, d0 = T.Zero;
        T c1 = T.Zero, d1 = T.Zero;
        T c2 = T.Zero, d2 = T.Zero;
        T c3 = T.Zero, d3 = T.Zero;
        T c4 = T.Zero, d4 = T.Zero;
        T c5 = T.Zero, d5 = T.Zero;
        T c6 = T.Zero, d6 = T.Zero;
        T c7 = T.Zero, d7 = T.Zero;
        long aRow2 = aRow * 2, aRow3 = aRow * 3;
        long aRow4 = aRow * 4;
        for (; k > 1; k -= 2)
        {
            T even = T.Load(b), odd = T.Load(b + bStep);
            float* next = a + aStep;
            float* a4 = a + aRow4, next4 = next + aRow4;
            c0 = T.MultiplyAdd(T.Broadcast(a[0]), even, c0);
            d0 = T.MultiplyAdd(T.Broadcast(next[0]), odd, d0);
            c1 = T.MultiplyAdd(T.Broadcast(a[aRow]), even, c1);
            d1 = T.MultiplyAdd(T.Broadcast(next[aRow]), odd, d1);
            c2 = T.MultiplyAdd(T.Broadcast(a[aRow2]), even, c2);
            d2 = T.MultiplyAdd(T.Broadcast(next[aRow2]), odd, d2);
            c3 = T.MultiplyAdd(T.Broadcast(a[aRow3]), even, c3);
            d3 = T.MultiplyAdd(T.Broadcast(next[aRow3]), odd, d3);
            c4 = T.MultiplyAdd(T.Broadcast(a4[0]), even, c4);
            d4 = T.MultiplyAdd(T.Broadcast(next4[0]), odd, d4);
            c5 = T.MultiplyAdd(T.Broadcast(a4[aRow]), even, c5);
            d5 = T.MultiplyAdd(T.Broadcast(next4[aRow]), odd, d5);
            c6 = T.MultiplyAdd(T.Broadcast(a4[aRow2]), even, c6);
            d6 = T.MultiplyAdd(T.Broadcast(next4[aRow2]), odd, d6);
            c7 = T.MultiplyAdd(T.Broadcast(a4[aRow3]), even, c7);
            d7 = T.MultiplyAdd(T.Broadcast(next4[aRow3]), odd, d7);
            a = next + aStep;
            b += 2 * bStep;
        }

        if (k > 0)
        {
            T last = T.Load(b);
            float* a4 = a + aRow4;
            c0 = T.MultiplyAdd(T.Broadcast(a[0]), last, c0);
            c1 = T.MultiplyAdd(T.Broadcast(a[aRow]), last, c1);
            c2 = T.MultiplyAdd(T.Broadcast(a[aRow2]), last, c2);
            c3 = T.MultiplyAdd(T.Broadcast(a[aRow3]), last, c3);
            c4 = T.MultiplyAdd(T.Broadcast(a4[0]), last, c4);
            c5 = T.MultiplyAdd(T.Broadcast(a4[aRow]), last, c5);
            c6 = T.MultiplyAdd(T.Broadcast(a4[aRow2]), last, c6);
            c7 = T.MultiplyAdd(T.Broadcast(a4[aRow3]), last, c7);
        }

        T scale = T.Broadcast(alpha);
        Tiles.Put(c, c0 + d0, scale, accumulate);
        Tiles.Put(c + cRow, c1 + d1, scale, accumulate);
        Tiles.Put(c + (2 * cRow), c2 + d2, scale, accumulate);
        Tiles.Put(c + (3 * cRow), c3 + d3, scale, accumulate);
        Tiles.Put(c + (4 * cRow), c4 + d4, scale, accumulate);
        Tiles.Put(c + (5 * cRow), c5 + d5, scale, accumulate);
        Tiles.Put(c + (6 * cRow), c6 + d6, scale, accumulate);
        Tiles.Put(c + (7 * cRow), c7 + d7, scale, accumulate);
    }
}

/// <summary>12 sums in the 16 registers of AVX2.</summary>
internal unsafe struct Tile4<T> : ITile<T>
    where T : struct, ISimd<T>
{
    public static int Rows => 4;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Wide(
        int k, float* a, long aRow, long aStep, float* b, long bStep, float* c, long cRow, float alpha, bool accumulate)
    {
        T c00 = T.Zero, c01 = T.Zero, c02 = T.Zero;
        T c10 = T.Zero, c11 = T.Zero, c12 = T.Zero;
        T c20 = T.Zero, c21 = T.Zero, c22 = T.Zero;
        T c30 = T.Zero, c31 = T.Zero, c32 = T.Zero;
        long aRow2 = aRow * 2, aRow3 = aRow * 3;
        for (; k > 0; k--)
        {
            T b0 = T.Load(b);
            T b1 = T.Load(b + T.Count);
            T b2 = T.Load(b + (2 * T.Count));
            T x0 = T.Broadcast(a[0]);
            c00 = T.MultiplyAdd(x0, b0, c00);
            c01 = T.MultiplyAdd(x0, b1, c01);
            c02 = T.MultiplyAdd(x0, b2, c02);
            T x1 = T.Broadcast(a[aRow]);
            c10 = T.MultiplyAdd(x1, b0, c10);
            c11 = T.MultiplyAdd(x1, b1, c11);
            c12 = T.MultiplyAdd(x1, b2, c12);
            T x2 = T.Broadcast(a[aRow2]);
            c20 = T.MultiplyAdd(x2, b0, c20);
            c21 = T.MultiplyAdd(x2, b1, c21);
            c22 = T.MultiplyAdd(x2, b2, c22);
            T x3 = T.Broadcast(a[aRow3]);
            c30 = T.MultiplyAdd(x3, b0, c30);
            c31 = T.MultiplyAdd(x3, b1, c31);
            c32 = T.MultiplyAdd(x3, b2, c32);
            a += aStep;
            b += bStep;
        }

        T scale = T.Broadcast(alpha);
        Tiles.Put(c, c00, c01, c02, scale, accumulate);
        Tiles.Put(c + cRow, c10, c11, c12, scale, accumulate);
        Tiles.Put(c + (2 * cRow), c20, c21, c22, scale, accumulate);
        Tiles.Put(c + (3 * cRow), c30, c31, c32, scale, accumulate);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Narrow(
        int k, float* a, long aRow, long aStep, float* b, long bStep, float* c, long cRow, float alpha, bool accumulate)
    {
        // Even and odd k go to sums of their own: one set would wait for the latency of its additions.
        T c0 = T.Zero, d0 = T.Zero;
        T c1 = T.Zero, d1 = T.Zero;
        T c2 = T.Zero, d2 = T.Zero;
        T c3 = T.Zero, d3 = T.Zero;
        long aRow2 = aRow * 2, aRow3 = aRow * 3;
        for (; k > 1; k -= 2)
        {
            T even = T.Load(b), odd = T.Load(b + bStep);
            float* next = a + aStep;
            c0 = T.MultiplyAdd(T.Broadcast(a[0]), even, c0);
            d0 = T.MultiplyAdd(T.Broadcast(next[0]), odd, d0);
            c1 = T.MultiplyAdd(T.Broadcast(a[aRow]), even, c1);
            d1 = T.MultiplyAdd(T.Broadcast(next[aRow]), odd, d1);
            c2 = T.MultiplyAdd(T.Broadcast(a[aRow2]), even, c2);
            d2 = T.MultiplyAdd(T.Broadcast(next[aRow2]), odd, d2);
            c3 = T.MultiplyAdd(T.Broadcast(a[aRow3]), even, c3);
            d3 = T.MultiplyAdd(T.Broadcast(next[aRow3]), odd, d3);
            a = next + aStep;
            b += 2 * bStep;
        }

        if (k > 0)
        {
            T last = T.Load(b);
            c0 = T.MultiplyAdd(T.Broadcast(a[0]), last, c0);
            c1 = T.MultiplyAdd(T.Broadcast(a[aRow]), last, c1);
            c2 = T.MultiplyAdd(T.Broadcast(a[aRow2]), last, c2);
            c3 = T.MultiplyAdd(T.Broadcast(a[aRow3]), last, c3);
        }

        T scale = T.Broadcast(alpha);
        Tiles.Put(c, c0 + d0, scale, accumulate);
        Tiles.Put(c + cRow, c1 + d1, scale, accumulate);
        Tiles.Put(c + (2 * cRow), c2 + d2, scale, accumulate);
        Tiles.Put(c + (3 * cRow), c3 + d3, scale, accumulate);
    }
}
