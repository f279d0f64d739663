using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Engine.Kernels.Host;

/// <summary>Sixteen lanes: AVX-512.</summary>
internal readonly unsafe struct Simd512(Vector512<float> value) : ISimd<Simd512>
{
    public readonly Vector512<float> Value = value;

    public static int Count => Vector512<float>.Count;

    public static Simd512 Zero => new(Vector512<float>.Zero);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static implicit operator Simd512(Vector512<float> value) => new(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static implicit operator Vector512<float>(Simd512 simd) => simd.Value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 operator +(Simd512 left, Simd512 right) => new(left.Value + right.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 operator -(Simd512 left, Simd512 right) => new(left.Value - right.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 operator -(Simd512 x) => new(-x.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 operator *(Simd512 left, Simd512 right) => new(left.Value * right.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 operator /(Simd512 left, Simd512 right) => new(left.Value / right.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 Load(float* source) => new(Vector512.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 LoadBFloat16(ushort* source) => new((Widen((short*)source) << 16).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 LoadHalf(ushort* source)
    {
        // Fraction and exponent move to float32's places, where they count from another bias: 2^112 makes up for it, denormal numbers
        // included. The largest exponent, infinity and NaN, becomes float32's largest before.
        Vector512<int> bits = Widen((short*)source);
        Vector512<int> magnitude = (bits << 13) & Vector512.Create(0x0FFFE000);
        Vector512<int> special = Vector512.GreaterThan(magnitude, Vector512.Create(0x0F7FE000)) & Vector512.Create(0x7F800000);
        Vector512<int> scaled = ((magnitude | special).AsSingle() * Vector512.Create(Stored.HalfScale)).AsInt32();
        return new Simd512((scaled | (bits & Vector512.Create(int.MinValue))).AsSingle());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 Broadcast(float value) => new(Vector512.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 MultiplyAdd(Simd512 left, Simd512 right, Simd512 addend) =>
        new(Vector512.FusedMultiplyAdd(left.Value, right.Value, addend.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 Max(Simd512 left, Simd512 right) => new(Vector512.MaxNative(left.Value, right.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 Min(Simd512 left, Simd512 right) => new(Vector512.MinNative(left.Value, right.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 Abs(Simd512 x) => new(Vector512.Abs(x.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 Sqrt(Simd512 x) => new(Vector512.Sqrt(x.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 CopySign(Simd512 magnitude, Simd512 sign) => new(Vector512.CopySign(magnitude.Value, sign.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 SelectLess(Simd512 left, Simd512 right, Simd512 ifTrue, Simd512 ifFalse) =>
        new(Vector512.ConditionalSelect(Vector512.LessThan(left.Value, right.Value), ifTrue.Value, ifFalse.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 SelectNegative(Simd512 sign, Simd512 ifNegative, Simd512 otherwise) =>
        new(Vector512.ConditionalSelect((sign.Value.AsInt32() >> 31).AsSingle(), ifNegative.Value, otherwise.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 AddBits(Simd512 left, Simd512 right) => new((left.Value.AsInt32() + right.Value.AsInt32()).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 AddBits(Simd512 left, int right) => new((left.Value.AsInt32() + Vector512.Create(right)).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 And(Simd512 left, int right) => new((left.Value.AsInt32() & Vector512.Create(right)).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 Xor(Simd512 left, Simd512 right) => new(left.Value ^ right.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 ShiftLeft(Simd512 x, int count) => new((x.Value.AsInt32() << count).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 ShiftRight(Simd512 x, int count) => new((x.Value.AsInt32() >> count).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 IntegerToFloat(Simd512 x) => new(Vector512.ConvertToSingle(x.Value.AsInt32()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Simd512 x) => Vector512.Sum(x.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float MaxElement(Simd512 x)
    {
        return Simd256.MaxElement(Vector256.MaxNative(x.Value.GetLower(), x.Value.GetUpper()));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 LoadPart(float* source, int count)
    {
        if (Avx512F.IsSupported)
        {
            Vector512<float> mask = Vector512.LessThan(Vector512<int>.Indices, Vector512.Create(count)).AsSingle();
            return new Simd512(Avx512F.MaskLoad(source, mask, Vector512<float>.Zero));
        }

        Vector512<float> part = default;
        NativeMemory.Copy(source, &part, (nuint)count * sizeof(float));
        return new Simd512(part);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(float* target) => Value.Store(target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void StorePart(float* target, int count)
    {
        if (Avx512F.IsSupported)
        {
            Vector512<float> mask = Vector512.LessThan(Vector512<int>.Indices, Vector512.Create(count)).AsSingle();
            Avx512F.MaskStore(target, mask, Value);
            return;
        }

        Vector512<float> all = Value;
        NativeMemory.Copy(&all, target, (nuint)count * sizeof(float));
    }

    /// <summary>Sixteen-bit integers with their sign.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> Widen(short* source)
    {
        if (Avx512F.IsSupported)
        {
            return Avx512F.ConvertToVector512Int32(Vector256.Load(source));
        }

        return Vector512.Create(Vector256.WidenLower(Vector256.Load(source)), Vector256.WidenUpper(Vector256.Load(source)));
    }
}
