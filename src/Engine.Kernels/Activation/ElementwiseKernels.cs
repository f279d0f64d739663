namespace Engine.Kernels;

/// <summary>Elementwise arithmetic, one item an element.</summary>
internal static partial class ElementwiseKernels
{
    /// <summary>y = a + b.</summary>
    [Kernel]
    public static void Add(ArrayView<float> a, ArrayView<float> b, ArrayView<float> y, long count)
    {
        long i = ((long)Grid.IdxX * Group.DimX) + Group.IdxX;
        if (i < count)
        {
            y[i] = a[i] + b[i];
        }
    }

    /// <summary>y += factor * x.</summary>
    [Kernel]
    public static void AddScaled(ArrayView<float> x, ArrayView<float> y, float factor, long count)
    {
        long i = ((long)Grid.IdxX * Group.DimX) + Group.IdxX;
        if (i < count)
        {
            y[i] = MathF.FusedMultiplyAdd(factor, x[i], y[i]);
        }
    }

    /// <summary>y = factor * x.</summary>
    [Kernel]
    public static void Scale(ArrayView<float> x, ArrayView<float> y, float factor, long count)
    {
        long i = ((long)Grid.IdxX * Group.DimX) + Group.IdxX;
        if (i < count)
        {
            y[i] = factor * x[i];
        }
    }

    /// <summary>y = factor[0] * x.</summary>
    [Kernel]
    public static void ScaleBy(ArrayView<float> factor, ArrayView<float> x, ArrayView<float> y, long count)
    {
        long i = ((long)Grid.IdxX * Group.DimX) + Group.IdxX;
        if (i < count)
        {
            y[i] = factor[0] * x[i];
        }
    }

    /// <summary>y = x.</summary>
    [Kernel]
    public static void Copy(ArrayView<float> x, ArrayView<float> y, long count)
    {
        long i = ((long)Grid.IdxX * Group.DimX) + Group.IdxX;
        if (i < count)
        {
            y[i] = x[i];
        }
    }

    /// <summary>y = value.</summary>
    [Kernel]
    public static void Fill(ArrayView<float> y, float value, long count)
    {
        long i = ((long)Grid.IdxX * Group.DimX) + Group.IdxX;
        if (i < count)
        {
            y[i] = value;
        }
    }
}
