namespace Engine.Kernels;

/// <summary>Counter-based dropout.</summary>
internal static partial class DropoutsKernels
{
    /// <summary>
    /// One item a block of four elements: y = x * factor where the element's word is at least threshold, else 0 [+ residual].
    /// </summary>
    [Kernel]
    public static void Apply(
        ArrayView<float> x, ArrayView<float> residual, ArrayView<uint> random, ArrayView<float> y, uint stream, uint threshold,
        float factor, long count, [Specialize] bool withResidual)
    {
        long block = ((long)Grid.IdxX * Group.DimX) + Group.IdxX;
        long element = 4 * block;
        uint seedLow = random[RandomState.SeedLow];
        uint seedHigh = random[RandomState.SeedHigh];
        uint step = random[RandomState.Step];
        if (element < count)
        {
            PhiloxWords words = Philox.Block((ulong)block, seedLow, seedHigh, stream, step);
            Element(x, residual, y, element, count, words.X, threshold, factor, withResidual);
            Element(x, residual, y, element + 1, count, words.Y, threshold, factor, withResidual);
            Element(x, residual, y, element + 2, count, words.Z, threshold, factor, withResidual);
            Element(x, residual, y, element + 3, count, words.W, threshold, factor, withResidual);
        }
    }

    private static void Element(
        ArrayView<float> x, ArrayView<float> residual, ArrayView<float> y, long i, long count, uint word, uint threshold, float factor,
        [Specialize] bool withResidual)
    {
        if (i < count)
        {
            float kept = word >= threshold ? x[i] * factor : 0f;
            if (withResidual)
            {
                kept += residual[i];
            }

            y[i] = kept;
        }
    }
}
