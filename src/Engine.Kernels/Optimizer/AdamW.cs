namespace Engine.Kernels;

/// <summary>AdamW as PyTorch computes it: decoupled decay, then the moments, then the step.</summary>
internal static class AdamW
{
    /// <summary>
    /// Updates count elements: g = gradient * clip[0]; p -= lr * weightDecay * p; m += (1 - beta1) (g - m); v = beta2 v + (1 - beta2) g^2;
    /// p -= lr / correction1 * m / (sqrt(v) / sqrt(correction2) + epsilon), lr = scalars[LearningRate] * learningRateRatio.
    /// </summary>
    /// <remarks>Constants are float64 and rounded once combined: 1 - 0.999f differs from PyTorch's 1 - 0.999 in the fifth digit.</remarks>
    /// <param name="clip">The clipping factor [1] (1 where clipping is off; a negative one ascends). NaN says that the gradients are not
    /// finite: nothing is then written.</param>
    public static Launch Step(
        Device device, long count, double beta1, double beta2, double epsilon, double weightDecay, double learningRateRatio,
        BufferView<float> parameters, BufferView<float> gradients, BufferView<float> m, BufferView<float> v, BufferView<float> scalars,
        BufferView<float> clip)
    {
        Operand.Require(parameters, count);
        Operand.Require(gradients, count);
        Operand.Require(m, count);
        Operand.Require(v, count);
        Operand.Require(scalars, StepScalars.Count);
        Operand.Require(clip, 1);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            var constants = new AdamWConstants(beta1, beta2, epsilon, weightDecay, learningRateRatio);
            return new AdamWHost(cpu, count, constants, parameters, gradients, m, v, scalars, clip);
        }

        return AdamWKernels.StepKernel.Bind(device, LaunchShapes.Elements(device, count), new AdamWOperands.Buffers
        {
            Parameters = parameters,
            Gradients = gradients,
            M = m,
            V = v,
            Scalars = scalars,
            Clip = clip,
            Count = count,
            MeanRate = (float)(1 - beta1),
            SquareDecay = (float)beta2,
            SquareRate = (float)(1 - beta2),
            Epsilon = (float)epsilon,
            WeightDecay = (float)weightDecay,
            LearningRateRatio = (float)learningRateRatio,
        }).AlsoMoves(3 * sizeof(float) * count);
    }
}

/// <summary>The settings of <see cref="AdamW.Step"/>.</summary>
internal readonly record struct AdamWConstants(double Beta1, double Beta2, double Epsilon, double WeightDecay, double LearningRateRatio);
