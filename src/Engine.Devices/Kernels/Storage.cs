using System.Runtime.CompilerServices;
using Engine.Devices.Cpu;
using ILGPU;

namespace Engine.Devices.Kernels;

/// <summary>
/// Reads and writes elements of a storage type as float: arithmetic is in float whatever the buffer stores.
/// Stores round to nearest even; sbyte and byte saturate, and take NaN as 0.
/// </summary>
public static class Storage
{
    /// <summary>The element at <paramref name="index"/> (in elements) as float.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Load<T>(ArrayView<T> view, long index)
        where T : unmanaged => ToFloat(view[index]);

    /// <summary>Writes <paramref name="value"/> to the element at <paramref name="index"/> (in elements).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<T>(ArrayView<T> view, long index, float value)
        where T : unmanaged => view[index] = FromFloat<T>(value);

    /// <summary><see cref="Store{T}(ArrayView{T}, long, float)"/> in the managed executor.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<T>(CpuView<T> view, long index, float value)
        where T : unmanaged => view[index] = FromFloat<T>(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static float ToFloat<T>(T value)
        where T : unmanaged
    {
        if (typeof(T) == typeof(float)) { return Unsafe.BitCast<T, float>(value); }
        if (typeof(T) == typeof(System.Half)) { return (float)Unsafe.BitCast<T, System.Half>(value); }
        if (typeof(T) == typeof(BFloat16)) { return Unsafe.BitCast<T, BFloat16>(value); }
        if (typeof(T) == typeof(sbyte)) { return Unsafe.BitCast<T, sbyte>(value); }
        if (typeof(T) == typeof(byte)) { return Unsafe.BitCast<T, byte>(value); }
        throw NotStorage<T>();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static T FromFloat<T>(float value)
        where T : unmanaged
    {
        if (typeof(T) == typeof(float)) { return Unsafe.BitCast<float, T>(value); }
        if (typeof(T) == typeof(System.Half)) { return Unsafe.BitCast<System.Half, T>((System.Half)value); }
        if (typeof(T) == typeof(BFloat16)) { return Unsafe.BitCast<BFloat16, T>((BFloat16)value); }
        if (typeof(T) == typeof(sbyte)) { return Unsafe.BitCast<sbyte, T>((sbyte)Saturate(value, sbyte.MinValue, sbyte.MaxValue)); }
        if (typeof(T) == typeof(byte)) { return Unsafe.BitCast<byte, T>((byte)Saturate(value, byte.MinValue, byte.MaxValue)); }
        throw NotStorage<T>();
    }

    private static int Saturate(float value, int low, int high) =>
        float.IsNaN(value) ? 0 : (int)Math.Clamp(MathF.Round(value), low, high);

    private static NotSupportedException NotStorage<T>() =>
        new($"{typeof(T).Name} is not a float storage type; bind buffers of float, Half, BFloat16, sbyte or byte.");
}
