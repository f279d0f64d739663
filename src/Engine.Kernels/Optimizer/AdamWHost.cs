using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>One pass over parameters, gradients and both moments.</summary>
internal sealed unsafe class AdamWHost(
    CpuDevice device, long count, AdamWConstants constants,
    BufferView<float> parameters, BufferView<float> gradients, BufferView<float> m, BufferView<float> v, BufferView<float> scalars,
    BufferView<float> clip)
    : RangeHost(device, count)
{
    private readonly float* parameters = CpuDevice.Pointer(parameters);
    private readonly float* gradients = CpuDevice.Pointer(gradients);
    private readonly float* m = CpuDevice.Pointer(m);
    private readonly float* v = CpuDevice.Pointer(v);
    private readonly float* scalars = CpuDevice.Pointer(scalars);
    private readonly float* clip = CpuDevice.Pointer(clip);

    public override string Name => "AdamW_Step";

    protected override void Range(long start, int length, int worker)
    {
        if (float.IsNaN(clip[0]))
        {
            return;
        }

        double learningRate = scalars[StepScalars.LearningRate] * constants.LearningRateRatio;
        var update = new Update(
            clip[0],
            (float)(1 - (learningRate * constants.WeightDecay)),
            (float)(1 - constants.Beta1),
            (float)constants.Beta2,
            (float)(1 - constants.Beta2),
            (float)(-learningRate / scalars[StepScalars.BiasCorrection1]),
            (float)Math.Sqrt(scalars[StepScalars.BiasCorrection2]),
            (float)constants.Epsilon);
        float* p = parameters + start;
        float* g = gradients + start;
        float* first = m + start;
        float* second = v + start;
        int i = 0;
        for (; i <= length - Lanes.Count; i += Lanes.Count)
        {
            Vector512<float> value = Vector512.Load(p + i), mean = Vector512.Load(first + i), square = Vector512.Load(second + i);
            update.Apply(Vector512.Load(g + i), ref value, ref mean, ref square);
            value.Store(p + i);
            mean.Store(first + i);
            square.Store(second + i);
        }

        if (i < length)
        {
            int rest = length - i;
            Vector512<float> value = Lanes.LoadPartial(p + i, rest), mean = Lanes.LoadPartial(first + i, rest),
                square = Lanes.LoadPartial(second + i, rest);
            update.Apply(Lanes.LoadPartial(g + i, rest), ref value, ref mean, ref square);
            Lanes.StorePartial(value, p + i, rest);
            Lanes.StorePartial(mean, first + i, rest);
            Lanes.StorePartial(square, second + i, rest);
        }
    }

    private readonly struct Update(
        float clip, float decay, float meanRate, float squareDecay, float squareRate, float negativeStep, float correction, float epsilon)
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Apply(Vector512<float> gradient, ref Vector512<float> value, ref Vector512<float> mean, ref Vector512<float> square)
        {
            Vector512<float> g = gradient * Vector512.Create(clip);
            value *= Vector512.Create(decay);
            mean = Vector512.FusedMultiplyAdd(Vector512.Create(meanRate), g - mean, mean);
            square = (square * Vector512.Create(squareDecay)) + (Vector512.Create(squareRate) * g * g);
            Vector512<float> denominator = (Vector512.Sqrt(square) / Vector512.Create(correction)) + Vector512.Create(epsilon);
            value += Vector512.Create(negativeStep) * mean / denominator;
        }
    }
}
