namespace Engine.Kernels;

/// <summary>AdamW, one item an element.</summary>
internal static partial class AdamWKernels
{
    /// <summary>The step in PyTorch's order: decay, the mean, the mean square, the update.</summary>
    [Kernel]
    public static void Step(AdamWOperands of)
    {
        long i = ((long)Grid.IdxX * Group.DimX) + Group.IdxX;
        if (i < of.Count && !float.IsNaN(of.Clip[0]))
        {
            float learningRate = of.Scalars[StepScalars.LearningRate] * of.LearningRateRatio;
            float g = of.Gradients[i] * of.Clip[0];
            float mean = of.M[i];
            mean = KernelMath.FusedMultiplyAdd(of.MeanRate, g - mean, mean);
            float square = (of.V[i] * of.SquareDecay) + (of.SquareRate * g * g);
            float denominator = (MathF.Sqrt(square) / MathF.Sqrt(of.Scalars[StepScalars.BiasCorrection2])) + of.Epsilon;
            float step = learningRate / of.Scalars[StepScalars.BiasCorrection1];
            of.M[i] = mean;
            of.V[i] = square;
            of.Parameters[i] = (of.Parameters[i] * (1f - (learningRate * of.WeightDecay))) - (step * mean / denominator);
        }
    }
}

/// <summary>
/// What a step of AdamW reads and writes: views of Count elements, and of <see cref="StepScalars"/> and the clipping factor.
/// </summary>
[Operands]
internal partial struct AdamWOperands
{
    public ArrayView<float> Parameters;
    public ArrayView<float> Gradients;
    public ArrayView<float> M;
    public ArrayView<float> V;
    public ArrayView<float> Scalars;
    public ArrayView<float> Clip;
    public long Count;

    /// <summary>1 - beta1.</summary>
    public float MeanRate;

    /// <summary>beta2.</summary>
    public float SquareDecay;

    /// <summary>1 - beta2.</summary>
    public float SquareRate;
    public float Epsilon;
    public float WeightDecay;
    public float LearningRateRatio;
}
