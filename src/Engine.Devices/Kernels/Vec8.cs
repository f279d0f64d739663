using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Engine.Devices.Kernels;

/// <summary>8 floats that are computed on together: <c>float8</c> on OpenCL, 8 scalars on CUDA, a 256-bit vector in the managed executor.</summary>
public struct Vec8
{
    private Vector256<float> value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal Vec8(Vector256<float> value) => this.value = value;

    /// <summary>Element <paramref name="index"/>, 0 to 7.</summary>
    public float this[int index]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        readonly get => value.GetElement(index);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        set => this.value = this.value.WithElement(index, value);
    }

    public static Vec8 operator +(Vec8 left, Vec8 right) => new(left.value + right.value);

    public static Vec8 operator +(Vec8 left, float right) => left + Broadcast(right);

    public static Vec8 operator +(float left, Vec8 right) => Broadcast(left) + right;

    public static Vec8 operator -(Vec8 left, Vec8 right) => new(left.value - right.value);

    public static Vec8 operator -(Vec8 left, float right) => left - Broadcast(right);

    public static Vec8 operator -(float left, Vec8 right) => Broadcast(left) - right;

    public static Vec8 operator -(Vec8 operand) => new(-operand.value);

    public static Vec8 operator *(Vec8 left, Vec8 right) => new(left.value * right.value);

    public static Vec8 operator *(Vec8 left, float right) => new(left.value * right);

    public static Vec8 operator *(float left, Vec8 right) => new(right.value * left);

    public static Vec8 operator /(Vec8 left, Vec8 right) => new(left.value / right.value);

    public static Vec8 operator /(Vec8 left, float right) => new(left.value / right);

    public static Vec8 operator /(float left, Vec8 right) => Broadcast(left) / right;

    /// <summary>8 elements of a view from <paramref name="index"/> on, in elements. Any alignment will do; a multiple of 8 is fastest.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe Vec8 Load<T>(ArrayView<T> view, long index)
        where T : unmanaged
    {
        T* source = view.Address(index, 8);
        if (typeof(T) == typeof(float))
        {
            return new Vec8(Vector256.Load((float*)source));
        }

        Vec8 result = default;
        for (int i = 0; i < 8; i++)
        {
            ((float*)&result)[i] = Storage.ToFloat(source[i]);
        }

        return result;
    }

    /// <summary>All elements equal to <paramref name="value"/>.</summary>
    public static Vec8 Broadcast(float value) => new(Vector256.Create(value));

    /// <summary>a * b + c, rounded once.</summary>
    public static Vec8 FusedMultiplyAdd(Vec8 a, Vec8 b, Vec8 c) => new(Vector256.FusedMultiplyAdd(a.value, b.value, c.value));

    /// <summary>The smaller of each pair of elements; NaN where one is NaN.</summary>
    public static Vec8 Min(Vec8 left, Vec8 right) => new(Vector256.Min(left.value, right.value));

    /// <summary>The larger of each pair of elements; NaN where one is NaN.</summary>
    public static Vec8 Max(Vec8 left, Vec8 right) => new(Vector256.Max(left.value, right.value));

    /// <summary>Writes the elements to a view from <paramref name="index"/> on, in elements.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly unsafe void Store<T>(ArrayView<T> view, long index)
        where T : unmanaged
    {
        T* target = view.Address(index, 8);
        if (typeof(T) == typeof(float))
        {
            value.Store((float*)target);
            return;
        }

        for (int i = 0; i < 8; i++)
        {
            target[i] = Storage.FromFloat<T>(value.GetElement(i));
        }
    }

    /// <summary>The sum of the elements: upper half added to lower half until one is left, on every device.</summary>
    public float Sum() => new Vec4(value.GetLower() + value.GetUpper()).Sum();
}
