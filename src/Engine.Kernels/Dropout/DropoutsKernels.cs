namespace Engine.Kernels;

/// <summary>Counter-based dropout.</summary>
internal static partial class DropoutsKernels
{
    /// <summary>One item a block of four elements: y = x * factor where the element's word is at least threshold, else 0 [+ residual].</summary>
    [Kernel]
    public static void Apply(
        ArrayView<float> x, ArrayView<float> residual, ArrayView<uint> random, ArrayView<float> y, uint stream, uint threshold, float factor, long count, [Specialize] bool withResidual)
    {
        long block = ((long)Grid.IdxX * Group.DimX) + Group.IdxX;
        long element = 4 * block;
        if (element < count)
        {
            PhiloxWords words = Philox.Block((ulong)block, random[RandomState.SeedLow], random[RandomState.SeedHigh], stream, random[RandomState.Step]);
            for (int lane = 0; lane < 4; lane++)
            {
                long i = element + lane;
                if (i < count)
                {
                    uint word = lane == 0 ? words.X : lane == 1 ? words.Y : lane == 2 ? words.Z : words.W;
                    float kept = word >= threshold ? x[i] * factor : 0f;
                    if (withResidual)
                    {
                        kept += residual[i];
                    }

                    y[i] = kept;
                }
            }
        }
    }
}
