namespace Engine.Kernels;

/// <summary>DoRA, one item an output row.</summary>
internal static partial class DoraKernels
{
    /// <summary>The row's norm, its inverse, and the magnitude over it.</summary>
    [Kernel]
    public static void Scale(
        ArrayView<float> baseNorm, ArrayView<float> wa, ArrayView<float> b, ArrayView<float> gram, ArrayView<float> magnitude,
        ArrayView<float> scale, ArrayView<float> inverseNorm, int rows, int rank, float loraScale)
    {
        int row = (Grid.IdxX * Group.DimX) + Group.IdxX;
        if (row < rows)
        {
            long start = (long)row * rank;
            Pair norm = PairArithmetic.Of(baseNorm[row]);
            for (int k = 0; k < rank; k++)
            {
                Pair product = PairArithmetic.Of(0f);
                for (int j = 0; j < rank; j++)
                {
                    product = PairArithmetic.AddProduct(product, gram[((long)k * rank) + j], b[start + j]);
                }

                Pair weight = PairArithmetic.Multiply(PairArithmetic.Of(loraScale), PairArithmetic.Of(b[start + k]));
                Pair sum = PairArithmetic.Multiply(PairArithmetic.Of(loraScale), PairArithmetic.Normalize(product));
                sum = PairArithmetic.Add(sum, PairArithmetic.Of(2f * wa[((long)k * rows) + row]));
                norm = PairArithmetic.AddMultiplied(norm, weight, sum);
            }

            float inverse = norm.High > 0f ? 1f / MathF.Sqrt(norm.High) : 0f;
            inverseNorm[row] = inverse;
            scale[row] = magnitude[row] * inverse;
        }
    }
}
