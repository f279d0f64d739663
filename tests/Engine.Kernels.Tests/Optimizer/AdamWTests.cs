using Engine.Devices;

namespace Engine.Kernels.Tests;

public class AdamWTests
{
    public static TheoryData<string, int> Cases() => TestDevices.With(1, 7, 33, 1000, 40001);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Three_steps_agree_with_float64(string name, int count)
    {
        const double Beta1 = 0.9, Beta2 = 0.999, Epsilon = 1e-8, Decay = 0.01, Ratio = 16;
        const float Clip = 0.7f;
        using var run = new KernelRun(TestDevices.Open(name));
        float[] start = Numbers.Values(1, count);
        BufferView<float> parameters = run.Put(start), m = run.Put(new float[count]), v = run.Put(new float[count]);
        double[] p = start.Double();
        double[] mean = new double[count], square = new double[count];
        for (int step = 1; step <= 3; step++)
        {
            float[] gradients = Numbers.Values(10 + step, count, 0.1);
            var rate = (float)(1e-4 * step);
            var correction1 = (float)(1 - Math.Pow(Beta1, step));
            var correction2 = (float)(1 - Math.Pow(Beta2, step));
            BufferView<float> scalars = run.Scalars(
                (StepScalars.LearningRate, rate), (StepScalars.BiasCorrection1, correction1), (StepScalars.BiasCorrection2, correction2));
            run.Run(AdamW.Step(
                run.Device, count, Beta1, Beta2, Epsilon, Decay, Ratio, parameters, run.Put(gradients), m, v, scalars, run.Put(Clip)));
            for (int i = 0; i < count; i++)
            {
                double g = gradients[i] * (double)Clip;
                p[i] -= rate * Ratio * Decay * p[i];
                mean[i] += (1 - Beta1) * (g - mean[i]);
                square[i] = (Beta2 * square[i]) + ((1 - Beta2) * g * g);
                p[i] -= rate * Ratio / correction1 * mean[i] / ((Math.Sqrt(square[i]) / Math.Sqrt(correction2)) + Epsilon);
            }
        }

        // Moments carry a rounding a step; the mean's terms cancel.
        Numbers.Near(mean, m.ToArray(), 1e-6, 1e-8);
        Numbers.Near(square, v.ToArray(), 1e-6, 0);
        Numbers.Near(p, parameters.ToArray(), 3e-7, 3e-7);
    }

    /// <summary>A sign is exact in every operation of the step, so the two agree to the bit.</summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void A_negative_factor_is_the_step_of_the_turned_gradients(string name, int count)
    {
        using var run = new KernelRun(TestDevices.Open(name));
        float[] gradients = Numbers.Values(1, count);
        Assert.Equal(Step([.. gradients.Select(value => -value)], 1f), Step(gradients, -1f));

        float[] Step(float[] g, float factor)
        {
            BufferView<float> parameters = run.Put(Numbers.Values(2, count)), m = run.Put(new float[count]), v = run.Put(new float[count]);
            BufferView<float> scalars =
                run.Scalars((StepScalars.LearningRate, 0.5f), (StepScalars.BiasCorrection1, 0.1f), (StepScalars.BiasCorrection2, 0.001f));
            run.Run(AdamW.Step(run.Device, count, 0.9, 0.999, 1e-8, 0, 1, parameters, run.Put(g), m, v, scalars, run.Put(factor)));
            return parameters.ToArray();
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Gradients_that_are_not_finite_change_nothing(string name, int count)
    {
        using var run = new KernelRun(TestDevices.Open(name));
        float[] gradients = Numbers.Values(1, count);
        gradients[count / 2] = float.PositiveInfinity;
        BufferView<float> parameters = run.Put(Numbers.Values(2, count)), m = run.Put(Numbers.Values(3, count)),
            v = run.Put(Numbers.Values(4, count)), clip = run.Output(1);
        BufferView<float> scalars =
            run.Scalars((StepScalars.LearningRate, 0.5f), (StepScalars.BiasCorrection1, 0.1f), (StepScalars.BiasCorrection2, 0.001f));
        run.Run(Reductions.ClipFactor(run.Device, 0f, run.Put(float.PositiveInfinity), run.Output(1), clip));
        run.Run(AdamW.Step(run.Device, count, 0.9, 0.999, 1e-12, 0.1, 1, parameters, run.Put(gradients), m, v, scalars, clip));
        Assert.Equal(Numbers.Values(2, count), parameters.ToArray());
        Assert.Equal(Numbers.Values(3, count), m.ToArray());
        Assert.Equal(Numbers.Values(4, count), v.ToArray());
    }

    [Theory]
    [MemberData(nameof(TestDevices.Names), MemberType = typeof(TestDevices))]
    public void The_first_step_is_the_learning_rate_whatever_the_gradient(string name)
    {
        using var run = new KernelRun(TestDevices.Open(name));
        float[] gradients = [1e-3f, -5f, 100f, 0f];
        BufferView<float> parameters = run.Put(new float[4]);
        BufferView<float> scalars = run.Scalars(
            (StepScalars.LearningRate, 0.5f), (StepScalars.BiasCorrection1, 0.1f), (StepScalars.BiasCorrection2, 0.001f));
        run.Run(AdamW.Step(
            run.Device, 4, 0.9, 0.999, 1e-12, 0, 1, parameters, run.Put(gradients), run.Put(new float[4]), run.Put(new float[4]),
            scalars, run.Put(1f)));
        Numbers.Near([-0.5, 0.5, -0.5, 0], parameters.ToArray(), 5e-7, 0);
    }
}
