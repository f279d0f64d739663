using Engine.Devices;

namespace Engine.Kernels;

/// <summary>AdamW as PyTorch computes it: decoupled decay, then the moments, then the step.</summary>
public static class AdamW
{
    /// <summary>
    /// Updates count elements: g = gradient * clip[0]; p -= lr * weightDecay * p; m += (1 - beta1) (g - m); v = beta2 v + (1 - beta2) g^2;
    /// p -= lr / correction1 * m / (sqrt(v) / sqrt(correction2) + epsilon), lr = scalars[LearningRate] * learningRateRatio.
    /// </summary>
    /// <param name="clip">The clipping factor [1] (1 where clipping is off).</param>
    public static Launch Step(
        Device device, long count, float beta1, float beta2, float epsilon, float weightDecay, float learningRateRatio,
        BufferView<float> parameters, BufferView<float> gradients, BufferView<float> m, BufferView<float> v, BufferView<float> scalars, BufferView<float> clip)
        => throw new NotImplementedException();
}
