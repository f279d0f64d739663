namespace Engine.Kernels;

/// <summary>AdamW, one item an element.</summary>
internal static partial class AdamWKernels
{
    /// <summary>The step in PyTorch's order: decay, the mean, the mean square, the update.</summary>
    [Kernel]
    public static void Step(
        ArrayView<float> parameters, ArrayView<float> gradients, ArrayView<float> m, ArrayView<float> v, ArrayView<float> scalars, ArrayView<float> clip,
        long count, float meanRate, float squareDecay, float squareRate, float epsilon, float weightDecay, float learningRateRatio)
    {
        long i = ((long)Grid.IdxX * Group.DimX) + Group.IdxX;
        if (i < count && !float.IsNaN(clip[0]))
        {
            float learningRate = scalars[StepScalars.LearningRate] * learningRateRatio;
            float g = gradients[i] * clip[0];
            float mean = m[i];
            mean = KernelMath.FusedMultiplyAdd(meanRate, g - mean, mean);
            float square = (v[i] * squareDecay) + (squareRate * g * g);
            float denominator = (MathF.Sqrt(square) / MathF.Sqrt(scalars[StepScalars.BiasCorrection2])) + epsilon;
            float step = learningRate / scalars[StepScalars.BiasCorrection1];
            m[i] = mean;
            v[i] = square;
            parameters[i] = (parameters[i] * (1f - (learningRate * weightDecay))) - (step * mean / denominator);
        }
    }
}
