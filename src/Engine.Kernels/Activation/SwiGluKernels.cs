namespace Engine.Kernels;

/// <summary>The gated unit, one item an element.</summary>
internal static partial class SwiGluKernels
{
    /// <summary>y = silu(gate) up.</summary>
    [Kernel]
    public static void Forward(ArrayView<float> gate, ArrayView<float> up, ArrayView<float> y, long count)
    {
        long i = ((long)Grid.IdxX * Group.DimX) + Group.IdxX;
        if (i < count)
        {
            y[i] = gate[i] * KernelMath.Logistic(gate[i]) * up[i];
        }
    }

    /// <summary>With s the logistic function of the gate: dGate = dy up s (1 + gate (1 - s)), dUp = dy gate s.</summary>
    [Kernel]
    public static void Backward(
        ArrayView<float> gate, ArrayView<float> up, ArrayView<float> dy, ArrayView<float> dGate, ArrayView<float> dUp, long count)
    {
        long i = ((long)Grid.IdxX * Group.DimX) + Group.IdxX;
        if (i < count)
        {
            float g = gate[i];
            float s = KernelMath.Logistic(g);
            float scaled = dy[i] * s;
            float byGate = scaled * up[i] * KernelMath.FusedMultiplyAdd(g, 1f - s, 1f);
            float byUp = scaled * g;
            dGate[i] = byGate;
            dUp[i] = byUp;
        }
    }
}
