namespace Engine.Kernels;

/// <summary>Activations, one item an element.</summary>
internal static partial class ActivationsKernels
{
    /// <summary>y = activation(x).</summary>
    [Kernel]
    public static void Forward(ArrayView<float> x, ArrayView<float> y, long count, [Specialize] ActivationKind kind)
    {
        long i = ((long)Grid.IdxX * Group.DimX) + Group.IdxX;
        if (i < count)
        {
            y[i] = ActivationFunctions.Apply(x[i], kind);
        }
    }

    /// <summary>dx = dy * activation'(x).</summary>
    [Kernel]
    public static void Backward(ArrayView<float> x, ArrayView<float> dy, ArrayView<float> dx, long count, [Specialize] ActivationKind kind)
    {
        long i = ((long)Grid.IdxX * Group.DimX) + Group.IdxX;
        if (i < count)
        {
            dx[i] = dy[i] * ActivationFunctions.Derivative(x[i], kind);
        }
    }
}
