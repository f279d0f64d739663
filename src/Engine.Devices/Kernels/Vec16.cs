using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Engine.Devices.Kernels;

/// <summary>16 floats that are computed on together: <c>float16</c> on OpenCL, 16 scalars on CUDA, a 512-bit vector in the managed executor.</summary>
public struct Vec16
{
    private Vector512<float> value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal Vec16(Vector512<float> value) => this.value = value;

    /// <summary>Element <paramref name="index"/>, 0 to 15.</summary>
    public float this[int index]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        readonly get => value.GetElement(index);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        set => this.value = this.value.WithElement(index, value);
    }

    public static Vec16 operator +(Vec16 left, Vec16 right) => new(left.value + right.value);

    public static Vec16 operator +(Vec16 left, float right) => left + Broadcast(right);

    public static Vec16 operator +(float left, Vec16 right) => Broadcast(left) + right;

    public static Vec16 operator -(Vec16 left, Vec16 right) => new(left.value - right.value);

    public static Vec16 operator -(Vec16 left, float right) => left - Broadcast(right);

    public static Vec16 operator -(float left, Vec16 right) => Broadcast(left) - right;

    public static Vec16 operator -(Vec16 operand) => new(-operand.value);

    public static Vec16 operator *(Vec16 left, Vec16 right) => new(left.value * right.value);

    public static Vec16 operator *(Vec16 left, float right) => new(left.value * right);

    public static Vec16 operator *(float left, Vec16 right) => new(right.value * left);

    public static Vec16 operator /(Vec16 left, Vec16 right) => new(left.value / right.value);

    public static Vec16 operator /(Vec16 left, float right) => new(left.value / right);

    public static Vec16 operator /(float left, Vec16 right) => Broadcast(left) / right;

    /// <summary>16 elements of a view from <paramref name="index"/> on, in elements. Any alignment will do; a multiple of 16 is fastest.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe Vec16 Load<T>(ArrayView<T> view, long index)
        where T : unmanaged
    {
        T* source = view.Address(index, 16);
        if (typeof(T) == typeof(float))
        {
            return new Vec16(Vector512.Load((float*)source));
        }

        Vec16 result = default;
        for (int i = 0; i < 16; i++)
        {
            ((float*)&result)[i] = Storage.ToFloat(source[i]);
        }

        return result;
    }

    /// <summary>All elements equal to <paramref name="value"/>.</summary>
    public static Vec16 Broadcast(float value) => new(Vector512.Create(value));

    /// <summary>a * b + c, rounded once.</summary>
    public static Vec16 FusedMultiplyAdd(Vec16 a, Vec16 b, Vec16 c) => new(Vector512.FusedMultiplyAdd(a.value, b.value, c.value));

    /// <summary>The smaller of each pair of elements; NaN where one is NaN.</summary>
    public static Vec16 Min(Vec16 left, Vec16 right) => new(Vector512.Min(left.value, right.value));

    /// <summary>The larger of each pair of elements; NaN where one is NaN.</summary>
    public static Vec16 Max(Vec16 left, Vec16 right) => new(Vector512.Max(left.value, right.value));

    /// <summary>Writes the elements to a view from <paramref name="index"/> on, in elements.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly unsafe void Store<T>(ArrayView<T> view, long index)
        where T : unmanaged
    {
        T* target = view.Address(index, 16);
        if (typeof(T) == typeof(float))
        {
            value.Store((float*)target);
            return;
        }

        for (int i = 0; i < 16; i++)
        {
            target[i] = Storage.FromFloat<T>(value.GetElement(i));
        }
    }

    /// <summary>The sum of the elements: upper half added to lower half until one is left, on every device.</summary>
    public float Sum() => new Vec8(value.GetLower() + value.GetUpper()).Sum();
}
