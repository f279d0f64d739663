using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Engine.Kernels.Host;

/// <summary>Four lanes: what every .NET machine has.</summary>
internal readonly unsafe struct Simd128(Vector128<float> value) : ISimd<Simd128>
{
    public readonly Vector128<float> Value = value;

    public static int Count => Vector128<float>.Count;

    public static Simd128 Zero => new(Vector128<float>.Zero);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static implicit operator Simd128(Vector128<float> value) => new(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static implicit operator Vector128<float>(Simd128 simd) => simd.Value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd128 operator +(Simd128 left, Simd128 right) => new(left.Value + right.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd128 operator -(Simd128 left, Simd128 right) => new(left.Value - right.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd128 operator -(Simd128 x) => new(-x.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd128 operator *(Simd128 left, Simd128 right) => new(left.Value * right.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd128 operator /(Simd128 left, Simd128 right) => new(left.Value / right.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd128 Load(float* source) => new(Vector128.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd128 LoadBFloat16(ushort* source) => new((Widen((short*)source) << 16).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd128 LoadHalf(ushort* source)
    {
        // Fraction and exponent move to float32's places, where they count from another bias: 2^112 makes up for it, denormal numbers
        // included. The largest exponent, infinity and NaN, becomes float32's largest before.
        Vector128<int> bits = Widen((short*)source);
        Vector128<int> magnitude = (bits << 13) & Vector128.Create(0x0FFFE000);
        Vector128<int> special = Vector128.GreaterThan(magnitude, Vector128.Create(0x0F7FE000)) & Vector128.Create(0x7F800000);
        Vector128<int> scaled = ((magnitude | special).AsSingle() * Vector128.Create(Stored.HalfScale)).AsInt32();
        return new Simd128((scaled | (bits & Vector128.Create(int.MinValue))).AsSingle());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd128 Broadcast(float value) => new(Vector128.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd128 MultiplyAdd(Simd128 left, Simd128 right, Simd128 addend) =>
        new(Vector128.FusedMultiplyAdd(left.Value, right.Value, addend.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd128 Max(Simd128 left, Simd128 right) => new(Vector128.MaxNative(left.Value, right.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd128 Min(Simd128 left, Simd128 right) => new(Vector128.MinNative(left.Value, right.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd128 Abs(Simd128 x) => new(Vector128.Abs(x.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd128 Sqrt(Simd128 x) => new(Vector128.Sqrt(x.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd128 CopySign(Simd128 magnitude, Simd128 sign) => new(Vector128.CopySign(magnitude.Value, sign.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd128 SelectLess(Simd128 left, Simd128 right, Simd128 ifTrue, Simd128 ifFalse) =>
        new(Vector128.ConditionalSelect(Vector128.LessThan(left.Value, right.Value), ifTrue.Value, ifFalse.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd128 SelectNegative(Simd128 sign, Simd128 ifNegative, Simd128 otherwise) =>
        new(Vector128.ConditionalSelect((sign.Value.AsInt32() >> 31).AsSingle(), ifNegative.Value, otherwise.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd128 AddBits(Simd128 left, Simd128 right) => new((left.Value.AsInt32() + right.Value.AsInt32()).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd128 AddBits(Simd128 left, int right) => new((left.Value.AsInt32() + Vector128.Create(right)).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd128 And(Simd128 left, int right) => new((left.Value.AsInt32() & Vector128.Create(right)).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd128 Xor(Simd128 left, Simd128 right) => new(left.Value ^ right.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd128 ShiftLeft(Simd128 x, int count) => new((x.Value.AsInt32() << count).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd128 ShiftRight(Simd128 x, int count) => new((x.Value.AsInt32() >> count).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd128 IntegerToFloat(Simd128 x) => new(Vector128.ConvertToSingle(x.Value.AsInt32()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Simd128 x) => Vector128.Sum(x.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float MaxElement(Simd128 x)
    {
        Vector128<float> pairs = Vector128.MaxNative(x.Value, Vector128.Shuffle(x.Value, Vector128.Create(2, 3, 0, 1)));
        return Vector128.MaxNative(pairs, Vector128.Shuffle(pairs, Vector128.Create(1, 0, 3, 2))).ToScalar();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd128 LoadPart(float* source, int count)
    {
        Vector128<float> part = default;
        NativeMemory.Copy(source, &part, (nuint)count * sizeof(float));
        return new Simd128(part);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(float* target) => Value.Store(target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void StorePart(float* target, int count)
    {
        Vector128<float> all = Value;
        NativeMemory.Copy(&all, target, (nuint)count * sizeof(float));
    }

    /// <summary>Sixteen-bit integers with their sign.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> Widen(short* source)
    {
        if (Sse41.IsSupported)
        {
            return Sse41.ConvertToVector128Int32(source);
        }

        return Vector128.WidenLower(Vector128.CreateScalar(*(long*)source).AsInt16());
    }
}
