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
            y[i] = KernelMath.FusedMultiplyAdd(factor, x[i], y[i]);
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

    /// <summary>y = (1 - weight) y + weight x where it blends, else y += weight x.</summary>
    [Kernel]
    public static void Mix(
        ArrayView<float> scalars, ArrayView<float> finite, ArrayView<float> x, ArrayView<float> y, float factor, int slot,
        bool blends, long count)
    {
        long i = ((long)Grid.IdxX * Group.DimX) + Group.IdxX;
        if (i < count && !float.IsNaN(finite[0]))
        {
            float weight = factor * scalars[slot];
            y[i] = KernelMath.FusedMultiplyAdd(weight, x[i], blends ? (1f - weight) * y[i] : y[i]);
        }
    }

    /// <summary>y += scalars[slot] * factor[0] * x; x = 0.</summary>
    [Kernel]
    public static void Move(
        ArrayView<float> scalars, ArrayView<float> factor, ArrayView<float> x, ArrayView<float> y, int slot, long count)
    {
        long i = ((long)Grid.IdxX * Group.DimX) + Group.IdxX;
        if (i < count)
        {
            y[i] = KernelMath.FusedMultiplyAdd(scalars[slot] * factor[0], x[i], y[i]);
            x[i] = 0f;
        }
    }

    /// <summary>y += a * b.</summary>
    [Kernel]
    public static void AddProduct(ArrayView<float> a, ArrayView<float> b, ArrayView<float> y, long count)
    {
        long i = ((long)Grid.IdxX * Group.DimX) + Group.IdxX;
        if (i < count)
        {
            y[i] = KernelMath.FusedMultiplyAdd(a[i], b[i], y[i]);
        }
    }

    /// <summary>y = x or y += x, elements of windows of matrices.</summary>
    [Kernel]
    public static void Window(ArrayView<float> x, ArrayView<float> y, int columns, int strideX, int strideY, bool adds, long count)
    {
        long i = ((long)Grid.IdxX * Group.DimX) + Group.IdxX;
        if (i < count)
        {
            long row = i / columns;
            long column = i % columns;
            float value = x[(row * strideX) + column];
            long to = (row * strideY) + column;
            y[to] = adds ? y[to] + value : value;
        }
    }

    /// <summary>y = (scale - offset) z + bias, scale and bias by column.</summary>
    [Kernel]
    public static void ScaleColumns(
        ArrayView<float> z, ArrayView<float> scale, ArrayView<float> bias, ArrayView<float> y, int columns, float offset,
        bool hasBias, long count)
    {
        long i = ((long)Grid.IdxX * Group.DimX) + Group.IdxX;
        if (i < count)
        {
            long column = i % columns;
            y[i] = KernelMath.FusedMultiplyAdd(scale[column] - offset, z[i], hasBias ? bias[column] : 0f);
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
