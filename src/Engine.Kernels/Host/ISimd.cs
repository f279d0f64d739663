namespace Engine.Kernels.Host;

/// <summary>
/// A register of float32 lanes. Host loops are written once over this interface and compiled by the JIT for each width;
/// every member becomes one or a few instructions.
/// </summary>
internal unsafe interface ISimd<T> : IFloatLanes<T>
    where T : struct, ISimd<T>
{
    /// <summary>Lanes.</summary>
    static abstract int Count { get; }

    static abstract T Zero { get; }

    static abstract T Load(float* source);

    /// <summary>bfloat16 elements, by their bits.</summary>
    static abstract T LoadBFloat16(ushort* source);

    /// <summary>float16 elements, by their bits; exact, infinities and NaN included.</summary>
    static abstract T LoadHalf(ushort* source);

    /// <summary>The larger of each pair; either one where one is NaN.</summary>
    static abstract T Max(T left, T right);

    static abstract T Sqrt(T x);

    /// <summary>The sum of all lanes, in an order fixed for the width.</summary>
    static abstract float Sum(T x);

    static abstract float MaxElement(T x);

    /// <summary>The first <paramref name="count"/> lanes, zeros behind them; memory behind them is not touched.</summary>
    static abstract T LoadPart(float* source, int count);

    void Store(float* target);

    /// <summary>Stores the first <paramref name="count"/> lanes; memory behind them is not touched.</summary>
    void StorePart(float* target, int count);
}
