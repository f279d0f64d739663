using System.Runtime.CompilerServices;

namespace Engine.Kernels.Host;

/// <summary>
/// Elements of a weight's storage type (float, <see cref="Half"/>, <see cref="BFloat16"/>) as float32: what host loops read weights with.
/// </summary>
internal static unsafe class Stored
{
    /// <summary>2^112: float16's exponent counts from 15, float32's from 127.</summary>
    public const float HalfScale = 5.192296858534828e33f;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Load<T, TStored>(TStored* source)
        where T : struct, ISimd<T>
        where TStored : unmanaged
    {
        if (typeof(TStored) == typeof(float))
        {
            return T.Load((float*)source);
        }

        return typeof(TStored) == typeof(BFloat16) ? T.LoadBFloat16((ushort*)source) : T.LoadHalf((ushort*)source);
    }

    /// <summary>The first <paramref name="count"/> lanes, zeros behind them; memory behind them is not touched.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T LoadPart<T, TStored>(TStored* source, int count)
        where T : struct, ISimd<T>
        where TStored : unmanaged
    {
        if (typeof(TStored) == typeof(float))
        {
            return T.LoadPart((float*)source, count);
        }

        TStored* part = stackalloc TStored[Lanes.Count];
        new Span<TStored>(part, Lanes.Count).Clear();
        new ReadOnlySpan<TStored>(source, count).CopyTo(new Span<TStored>(part, Lanes.Count));
        return Load<T, TStored>(part);
    }

    /// <summary>One element.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Load<TStored>(TStored* source)
        where TStored : unmanaged
    {
        if (typeof(TStored) == typeof(float))
        {
            return *(float*)source;
        }

        return typeof(TStored) == typeof(BFloat16) ? *(BFloat16*)source : (float)*(Half*)source;
    }

    /// <summary>Stores one element, rounded to nearest even.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Save<TStored>(float value, TStored* target)
        where TStored : unmanaged
    {
        if (typeof(TStored) == typeof(float))
        {
            *(float*)target = value;
        }
        else if (typeof(TStored) == typeof(BFloat16))
        {
            *(BFloat16*)target = (BFloat16)value;
        }
        else
        {
            *(Half*)target = (Half)value;
        }
    }
}
