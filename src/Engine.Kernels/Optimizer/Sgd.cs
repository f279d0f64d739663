using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>Plain gradient descent as PyTorch's SGD computes it without momentum: decay is part of the gradient.</summary>
internal static class Sgd
{
    /// <summary>
    /// p -= lr (gradient * clip[0] + weightDecay * p) for count elements, lr = scalars[LearningRate] * learningRateRatio.
    /// </summary>
    /// <param name="clip">
    /// The clipping factor [1] (1 where clipping is off). NaN says that the gradients are not finite: nothing is then written.
    /// </param>
    public static Launch Step(
        Device device, long count, double weightDecay, double learningRateRatio,
        BufferView<float> parameters, BufferView<float> gradients, BufferView<float> scalars, BufferView<float> clip)
    {
        Operand.Require(parameters, count);
        Operand.Require(gradients, count);
        Operand.Require(scalars, StepScalars.Count);
        Operand.Require(clip, 1);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return new SgdHost(cpu, count, weightDecay, learningRateRatio, parameters, gradients, scalars, clip);
        }

        return SgdKernels.StepKernel.Bind(
            device, LaunchShapes.Elements(device, count), parameters, gradients, scalars, clip, (float)weightDecay,
            (float)learningRateRatio, count)
            .AlsoMoves(sizeof(float) * count);
    }
}

/// <summary>One pass over parameters and gradients.</summary>
internal sealed unsafe class SgdHost(
    CpuDevice device, long count, double weightDecay, double learningRateRatio,
    BufferView<float> parameters, BufferView<float> gradients, BufferView<float> scalars, BufferView<float> clip)
    : RangeHost(device, count)
{
    private readonly float* parameters = CpuDevice.Pointer(parameters);
    private readonly float* gradients = CpuDevice.Pointer(gradients);
    private readonly float* scalars = CpuDevice.Pointer(scalars);
    private readonly float* clip = CpuDevice.Pointer(clip);

    public override string Name => "Sgd_Step";

    protected override void Range(long start, int length, int worker)
    {
        if (float.IsNaN(*clip))
        {
            return;
        }

        double rate = scalars[StepScalars.LearningRate] * learningRateRatio;
        Vector512<float> decay = Vector512.Create((float)(1 - (rate * weightDecay))), step = Vector512.Create((float)(-rate * *clip));
        float* p = parameters + start;
        float* g = gradients + start;
        int i = 0;
        for (; i <= length - Lanes.Count; i += Lanes.Count)
        {
            Stepped(Vector512.Load(p + i), Vector512.Load(g + i), decay, step).Store(p + i);
        }

        if (i < length)
        {
            int rest = length - i;
            Lanes.StorePartial(Stepped(Lanes.LoadPartial(p + i, rest), Lanes.LoadPartial(g + i, rest), decay, step), p + i, rest);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Stepped(Vector512<float> p, Vector512<float> g, Vector512<float> decay, Vector512<float> step) =>
        Vector512.FusedMultiplyAdd(step, g, p * decay);
}

/// <summary>Gradient descent, one item an element.</summary>
internal static partial class SgdKernels
{
    /// <summary>The decay and the step in one.</summary>
    [Kernel]
    public static void Step(
        ArrayView<float> parameters, ArrayView<float> gradients, ArrayView<float> scalars, ArrayView<float> clip,
        float weightDecay, float learningRateRatio, long count)
    {
        long i = ((long)Grid.IdxX * Group.DimX) + Group.IdxX;
        if (i < count && !float.IsNaN(clip[0]))
        {
            float learningRate = scalars[StepScalars.LearningRate] * learningRateRatio;
            float kept = parameters[i] * (1f - (learningRate * weightDecay));
            parameters[i] = KernelMath.FusedMultiplyAdd(-learningRate * clip[0], gradients[i], kept);
        }
    }
}
