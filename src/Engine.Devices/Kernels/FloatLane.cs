using System.Runtime.CompilerServices;

namespace Engine.Devices.Kernels;

/// <summary>One lane: the number of a work-item.</summary>
internal readonly struct FloatLane(float value) : IFloatLanes<FloatLane>
{
    public readonly float Value = value;

    private FloatLane(int bits)
        : this(BitConverter.Int32BitsToSingle(bits))
    {
    }

    private int Bits => BitConverter.SingleToInt32Bits(Value);

    public static FloatLane operator +(FloatLane left, FloatLane right) => new(left.Value + right.Value);

    public static FloatLane operator -(FloatLane left, FloatLane right) => new(left.Value - right.Value);

    public static FloatLane operator -(FloatLane x) => new(-x.Value);

    public static FloatLane operator *(FloatLane left, FloatLane right) => new(left.Value * right.Value);

    public static FloatLane operator /(FloatLane left, FloatLane right) => new(left.Value / right.Value);

    /// <summary>An integer as the bits of a lane.</summary>
    public static FloatLane OfBits(int bits) => new(bits);

    public static FloatLane Broadcast(float value) => new(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FloatLane MultiplyAdd(FloatLane left, FloatLane right, FloatLane addend) =>
        new(KernelMath.FusedMultiplyAdd(left.Value, right.Value, addend.Value));

    public static FloatLane Abs(FloatLane x) => new(x.Bits & int.MaxValue);

    public static FloatLane CopySign(FloatLane magnitude, FloatLane sign) =>
        new((magnitude.Bits & int.MaxValue) | (sign.Bits & int.MinValue));

    public static FloatLane Min(FloatLane left, FloatLane right) => new(left.Value < right.Value ? left.Value : right.Value);

    public static FloatLane SelectLess(FloatLane left, FloatLane right, FloatLane ifTrue, FloatLane ifFalse) =>
        new(left.Value < right.Value ? ifTrue.Value : ifFalse.Value);

    public static FloatLane SelectNegative(FloatLane sign, FloatLane ifNegative, FloatLane otherwise) =>
        new(sign.Bits < 0 ? ifNegative.Value : otherwise.Value);

    public static FloatLane AddBits(FloatLane left, FloatLane right) => new(left.Bits + right.Bits);

    public static FloatLane AddBits(FloatLane left, int right) => new(left.Bits + right);

    public static FloatLane And(FloatLane left, int right) => new(left.Bits & right);

    public static FloatLane Xor(FloatLane left, FloatLane right) => new(left.Bits ^ right.Bits);

    public static FloatLane ShiftLeft(FloatLane x, int count) => new(x.Bits << count);

    public static FloatLane ShiftRight(FloatLane x, int count) => new(x.Bits >> count);

    public static FloatLane IntegerToFloat(FloatLane x) => new((float)x.Bits);
}
