using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Engine.Devices.Kernels;

/// <summary>4 floats that are computed on together: <c>float4</c> on OpenCL, 4 scalars on CUDA, a 128-bit vector in the managed executor.</summary>
public struct Vec4
{
    private Vector128<float> value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal Vec4(Vector128<float> value) => this.value = value;

    /// <summary>Element <paramref name="index"/>, 0 to 3.</summary>
    public float this[int index]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        readonly get => value.GetElement(index);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        set => this.value = this.value.WithElement(index, value);
    }

    public static Vec4 operator +(Vec4 left, Vec4 right) => new(left.value + right.value);

    public static Vec4 operator +(Vec4 left, float right) => left + Broadcast(right);

    public static Vec4 operator +(float left, Vec4 right) => Broadcast(left) + right;

    public static Vec4 operator -(Vec4 left, Vec4 right) => new(left.value - right.value);

    public static Vec4 operator -(Vec4 left, float right) => left - Broadcast(right);

    public static Vec4 operator -(float left, Vec4 right) => Broadcast(left) - right;

    public static Vec4 operator -(Vec4 operand) => new(-operand.value);

    public static Vec4 operator *(Vec4 left, Vec4 right) => new(left.value * right.value);

    public static Vec4 operator *(Vec4 left, float right) => new(left.value * right);

    public static Vec4 operator *(float left, Vec4 right) => new(right.value * left);

    public static Vec4 operator /(Vec4 left, Vec4 right) => new(left.value / right.value);

    public static Vec4 operator /(Vec4 left, float right) => new(left.value / right);

    public static Vec4 operator /(float left, Vec4 right) => Broadcast(left) / right;

    /// <summary>4 elements of a view from <paramref name="index"/> on, in elements. Any alignment will do; a multiple of 4 is fastest.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe Vec4 Load<T>(ArrayView<T> view, long index)
        where T : unmanaged
    {
        T* source = view.Address(index, 4);
        if (typeof(T) == typeof(float))
        {
            return new Vec4(Vector128.Load((float*)source));
        }

        Vec4 result = default;
        for (int i = 0; i < 4; i++)
        {
            ((float*)&result)[i] = Storage.ToFloat(source[i]);
        }

        return result;
    }

    /// <summary>All elements equal to <paramref name="value"/>.</summary>
    public static Vec4 Broadcast(float value) => new(Vector128.Create(value));

    /// <summary>a * b + c, rounded once.</summary>
    public static Vec4 FusedMultiplyAdd(Vec4 a, Vec4 b, Vec4 c) => new(Vector128.FusedMultiplyAdd(a.value, b.value, c.value));

    /// <summary>The smaller of each pair of elements; NaN where one is NaN.</summary>
    public static Vec4 Min(Vec4 left, Vec4 right) => new(Vector128.Min(left.value, right.value));

    /// <summary>The larger of each pair of elements; NaN where one is NaN.</summary>
    public static Vec4 Max(Vec4 left, Vec4 right) => new(Vector128.Max(left.value, right.value));

    /// <summary>Writes the elements to a view from <paramref name="index"/> on, in elements.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly unsafe void Store<T>(ArrayView<T> view, long index)
        where T : unmanaged
    {
        T* target = view.Address(index, 4);
        if (typeof(T) == typeof(float))
        {
            value.Store((float*)target);
            return;
        }

        for (int i = 0; i < 4; i++)
        {
            target[i] = Storage.FromFloat<T>(value.GetElement(i));
        }
    }

    /// <summary>The sum of the elements: upper half added to lower half until one is left, on every device.</summary>
    public float Sum()
    {
        Vector64<float> half = value.GetLower() + value.GetUpper();
        return half[0] + half[1];
    }
}
