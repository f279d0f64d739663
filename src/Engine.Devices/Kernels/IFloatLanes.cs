namespace Engine.Devices.Kernels;

/// <summary>
/// One or more lanes of float32, whose bits some members take as 32-bit integers. <see cref="LaneMath"/> is written once over this
/// interface: for the number of a work-item (<see cref="FloatLane"/>) and for the registers of host loops. Nothing is rounded but where
/// IEEE 754 rounds, so a function gives the same bits for every implementation.
/// </summary>
internal interface IFloatLanes<T>
    where T : struct, IFloatLanes<T>
{
    static abstract T operator +(T left, T right);

    static abstract T operator -(T left, T right);

    static abstract T operator -(T x);

    static abstract T operator *(T left, T right);

    static abstract T operator /(T left, T right);

    static abstract T Broadcast(float value);

    /// <summary>left * right + addend, rounded once.</summary>
    static abstract T MultiplyAdd(T left, T right, T addend);

    static abstract T Abs(T x);

    static abstract T CopySign(T magnitude, T sign);

    /// <summary>The smaller one; right where it is NaN. Left is a number.</summary>
    static abstract T Min(T left, T right);

    /// <summary>left &lt; right ? ifTrue : ifFalse.</summary>
    static abstract T SelectLess(T left, T right, T ifTrue, T ifFalse);

    /// <summary>Chooses by the sign bit of <paramref name="sign"/>.</summary>
    static abstract T SelectNegative(T sign, T ifNegative, T otherwise);

    static abstract T AddBits(T left, T right);

    static abstract T AddBits(T left, int right);

    static abstract T And(T left, int right);

    static abstract T Xor(T left, T right);

    static abstract T ShiftLeft(T x, int count);

    /// <summary>With the sign bit coming in from the left.</summary>
    static abstract T ShiftRight(T x, int count);

    /// <summary>The integer that the bits are, as a float.</summary>
    static abstract T IntegerToFloat(T x);
}
