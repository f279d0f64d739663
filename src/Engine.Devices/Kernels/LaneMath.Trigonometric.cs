using System.Runtime.CompilerServices;

namespace Engine.Devices.Kernels;

/// <summary>Sines and cosines.</summary>
internal static partial class LaneMath
{
    private const float TwoToMinus32 = 1f / 4294967296f;

    /// <summary>The sine within 1 ulp for |x| up to 2^20, NaN beyond.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Sin<T>(T x)
        where T : struct, IFloatLanes<T> => T.Xor(SineAhead(T.Abs(x), 0), T.And(x, int.MinValue));

    /// <summary>The cosine within 1 ulp for |x| up to 2^20, NaN beyond.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Cos<T>(T x)
        where T : struct, IFloatLanes<T> => SineAhead(T.Abs(x), 1);

    /// <summary>
    /// Cosine and sine of word + offset turns, a word of 2^32 being one turn and the offset below 1 of the word: absolute error below 1e-7.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T CosTurns<T>(T word, float offset, out T sine)
        where T : struct, IFloatLanes<T>
    {
        // The nearest quarter turn, whose number the upper two bits are then, and the way from it: an eighth of a turn at most, exact as an
        // integer.
        T ahead = T.AddBits(word, 0x20000000);
        T way = T.AddBits(T.And(ahead, 0x3FFFFFFF), -0x20000000);
        T t = (T.IntegerToFloat(way) + T.Broadcast(offset)) * T.Broadcast(TwoToMinus32);
        T square = t * t;

        // sin(2 pi t) = t p(t^2), cos(2 pi t) = 1 + t^2 q(t^2).
        T p = T.Broadcast(-75.40161f);
        p = T.MultiplyAdd(p, square, T.Broadcast(81.592545f));
        p = T.MultiplyAdd(p, square, T.Broadcast(-41.341663f));
        T near = T.MultiplyAdd(p, square, T.Broadcast(6.2831855f)) * t;
        T q = T.Broadcast(59.424107f);
        q = T.MultiplyAdd(q, square, T.Broadcast(-85.44882f));
        q = T.MultiplyAdd(q, square, T.Broadcast(64.93937f));
        q = T.MultiplyAdd(q, square, T.Broadcast(-19.739208f));
        T across = T.MultiplyAdd(q, square, T.Broadcast(1f));

        // Quarter 1: (-sin, cos), 2: (-cos, -sin), 3: (sin, -cos).
        T odd = T.ShiftLeft(ahead, 1);
        sine = T.Xor(T.SelectNegative(odd, across, near), T.And(ahead, int.MinValue));
        return T.Xor(T.SelectNegative(odd, near, across), T.And(T.AddBits(ahead, 0x40000000), int.MinValue));
    }

    /// <summary>sin(x + quarters pi / 2) for x from 0 to 2^20.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static T SineAhead<T>(T x, int quarters)
        where T : struct, IFloatLanes<T>
    {
        // x = n pi / 2 + r + low, by pi / 2 in three parts. The difference with the first is exact; low is what the product with the second
        // and the sum have lost to rounding, and the third.
        T shifted = T.MultiplyAdd(x, T.Broadcast(0.636619772f), T.Broadcast(RoundShift));
        T n = shifted - T.Broadcast(RoundShift);
        T near = T.MultiplyAdd(n, T.Broadcast(-1.5707964f), x);
        T part = n * T.Broadcast(4.371139e-08f);
        T partRest = T.MultiplyAdd(n, T.Broadcast(4.371139e-08f), -part);
        T r = near + part;
        T added = r - near;
        T sumRest = near - (r - added) + (part - added);
        T low = T.MultiplyAdd(n, T.Broadcast(1.7151245e-15f), sumRest + partRest);

        // sin(r + low) = r + (r^3 p(r^2) + low) on [-pi / 4, pi / 4] and 5 % beyond: n errs by as much for the largest x.
        T square = r * r;
        T p = T.Broadcast(-0.0001948304f);
        p = T.MultiplyAdd(p, square, T.Broadcast(0.008331919f));
        p = T.MultiplyAdd(p, square, T.Broadcast(-0.16666651f));
        T sine = r + T.MultiplyAdd(p, square * r, low);

        // cos(r + low) = 1 - r^2 / 2 + (r^4 q(r^2) - r low), with what rounding leaves of the first difference.
        T q = T.Broadcast(2.439365e-05f);
        q = T.MultiplyAdd(q, square, T.Broadcast(-0.0013886959f));
        q = T.MultiplyAdd(q, square, T.Broadcast(0.041666638f));
        T first = T.MultiplyAdd(square, T.Broadcast(-0.5f), T.Broadcast(1f));
        T rest = T.MultiplyAdd(square, T.Broadcast(-0.5f), T.Broadcast(1f) - first);
        T cosine = first + (rest + T.MultiplyAdd(q, square * square, -(r * low)));

        T quarter = T.AddBits(shifted, quarters);
        T value = T.SelectNegative(T.ShiftLeft(quarter, 31), cosine, sine);
        T signed = T.Xor(value, T.And(T.ShiftLeft(quarter, 30), int.MinValue));
        return T.SelectLess(T.Broadcast(1048576f), x, T.Broadcast(float.NaN), signed);
    }
}
