namespace Engine.Kernels;

/// <summary>The unit gated by GELU, one item an element.</summary>
internal static partial class GeGluKernels
{
    /// <summary>y = gelu(gate) up.</summary>
    [Kernel]
    public static void Forward(
        ArrayView<float> gate, ArrayView<float> up, ArrayView<float> y, long count, [Specialize] ActivationKind kind)
    {
        long i = ((long)Grid.IdxX * Group.DimX) + Group.IdxX;
        if (i < count)
        {
            y[i] = ActivationFunctions.Apply(gate[i], kind) * up[i];
        }
    }

    /// <summary>dGate = dy up gelu'(gate), dUp = dy gelu(gate).</summary>
    [Kernel]
    public static void Backward(
        ArrayView<float> gate, ArrayView<float> up, ArrayView<float> dy, ArrayView<float> dGate, ArrayView<float> dUp, long count,
        [Specialize] ActivationKind kind)
    {
        long i = ((long)Grid.IdxX * Group.DimX) + Group.IdxX;
        if (i < count)
        {
            float byGate = dy[i] * up[i] * ActivationFunctions.Derivative(gate[i], kind);
            float byUp = dy[i] * ActivationFunctions.Apply(gate[i], kind);
            dGate[i] = byGate;
            dUp[i] = byUp;
        }
    }
}
