using Engine.Devices;

namespace Engine.Kernels.Tests;

public class SgdTests
{
    public static TheoryData<string, int> Cases() => TestDevices.With(1, 33, 40001);

    /// <summary>As PyTorch: decay is added to the gradient; here before both are rounded, a unit in the last place.</summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void A_step_agrees_with_float64(string name, int count)
    {
        const double Decay = 0.01, Ratio = 2, Rate = 0.125;
        const float Clip = 0.75f;
        using var run = new KernelRun(TestDevices.Open(name));
        float[] start = Numbers.Values(1, count), gradients = Numbers.Values(2, count);
        BufferView<float> parameters = run.Put(start);
        run.Run(Sgd.Step(
            run.Device, count, Decay, Ratio, parameters, run.Put(gradients), run.Scalars((StepScalars.LearningRate, (float)Rate)),
            run.Put(Clip)));
        Numbers.Near(
            [.. start.Zip(gradients, (p, g) => p - (Rate * Ratio * (((double)Clip * g) + (Decay * p))))], parameters.ToArray(), 2e-7, 2e-7);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Gradients_that_are_not_finite_change_nothing(string name, int count)
    {
        using var run = new KernelRun(TestDevices.Open(name));
        BufferView<float> parameters = run.Put(Numbers.Values(2, count));
        run.Run(Sgd.Step(
            run.Device, count, 0.1, 1, parameters, run.Put(Numbers.Values(1, count)), run.Scalars((StepScalars.LearningRate, 0.5f)),
            run.Put(float.NaN)));
        Assert.Equal(Numbers.Values(2, count), parameters.ToArray());
    }

    /// <summary>What clipped gradients of samples are summed by; a factor that is no number shows in the sum.</summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void A_gradient_moves_into_a_sum(string name, int count)
    {
        using var run = new KernelRun(TestDevices.Open(name));
        float[] x = Numbers.Values(1, count), y = Numbers.Values(2, count);
        BufferView<float> from = run.Put(x), sum = run.Put(y), scalars = run.Scalars((StepScalars.SampleWeight, 0.25f));
        run.Run(Elementwise.Move(run.Device, count, StepScalars.SampleWeight, scalars, run.Put(0.5f), from, sum));
        Numbers.Near([.. x.Zip(y, (added, value) => value + (0.125 * added))], sum.ToArray(), 1e-7, 1e-7);
        Assert.Equal(new float[count], from.ToArray());
        run.Run(Elementwise.Move(run.Device, count, StepScalars.SampleWeight, scalars, run.Put(float.NaN), from, sum));
        Assert.All(sum.ToArray(), value => Assert.True(float.IsNaN(value)));
    }
}
