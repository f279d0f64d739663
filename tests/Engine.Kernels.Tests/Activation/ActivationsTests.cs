using Engine.Devices;

namespace Engine.Kernels.Tests;

public class ActivationsTests
{
    /// <summary>Float32 arithmetic of functions of order one: a few units in the last place of the argument's size.</summary>
    private const double Tolerance = 1e-6;

    private static readonly int[] Counts = [1, 7, 33, 1000, 40001];

    public static TheoryData<string, ActivationKind, int> Cases()
    {
        var data = new TheoryData<string, ActivationKind, int>();
        foreach (string device in TestDevices.All)
        {
            foreach (ActivationKind kind in Enum.GetValues<ActivationKind>())
            {
                foreach (int count in Counts)
                {
                    data.Add(device, kind, count);
                }
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Forward_agrees_with_float64(string name, ActivationKind kind, int count)
    {
        using var run = new KernelRun(TestDevices.Open(name));
        float[] x = Numbers.Values(1, count, 8);
        BufferView<float> y = run.Output(count);
        run.Run(Activations.Forward(run.Device, kind, count, run.Put(x), y));
        Numbers.Near([.. x.Select(value => Reference(kind, value))], y.ToArray(), Tolerance, Tolerance);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Backward_agrees_with_finite_differences_and_may_write_over_dy(string name, ActivationKind kind, int count)
    {
        using var run = new KernelRun(TestDevices.Open(name));
        float[] x = Numbers.Values(1, count, 8);
        float[] dy = Numbers.Values(2, count);
        BufferView<float> inPlace = run.Put(dy);
        run.Run(Activations.Backward(run.Device, kind, count, run.Put(x), inPlace, inPlace));
        double[] expected = [.. x.Select((value, i) => dy[i] * (Reference(kind, value + 1e-5) - Reference(kind, value - 1e-5)) / 2e-5)];
        Numbers.Near(expected, inPlace.ToArray(), 2e-6, 2e-6);
    }

    [Theory]
    [MemberData(nameof(TestDevices.Names), MemberType = typeof(TestDevices))]
    public void Far_out_an_activation_is_its_limit(string name)
    {
        using var run = new KernelRun(TestDevices.Open(name));
        float[] x = [1e4f, -1e4f, 1e19f, -1e19f];
        foreach (ActivationKind kind in new[] { ActivationKind.GeluErf, ActivationKind.GeluTanh })
        {
            BufferView<float> y = run.Output(4);
            BufferView<float> dx = run.Output(4);
            run.Run(
                Activations.Forward(run.Device, kind, 4, run.Put(x), y),
                Activations.Backward(run.Device, kind, 4, run.Put(x), run.Put(1f, 1f, 1f, 1f), dx));
            Numbers.Near([1e4, 0, 1e19, 0], y.ToArray(), 1e-6, 1e-6);
            Numbers.Near([1, 0, 1, 0], dx.ToArray(), 1e-6, 1e-6);
        }
    }

    [Theory]
    [MemberData(nameof(TestDevices.Names), MemberType = typeof(TestDevices))]
    public void Elementwise_arithmetic_agrees_and_may_be_done_in_place(string name)
    {
        foreach (int count in Counts)
        {
            using var run = new KernelRun(TestDevices.Open(name));
            float[] a = Numbers.Values(3, count);
            float[] b = Numbers.Values(4, count);
            BufferView<float> sum = run.Put(b), scaled = run.Put(b), inPlace = run.Put(a), scaledBy = run.Output(count),
                copy = run.Output(count), filled = run.Output(count);
            run.Run(
                Elementwise.Add(run.Device, count, run.Put(a), sum, sum),
                Elementwise.AddScaled(run.Device, count, 0.75f, run.Put(a), scaled),
                Elementwise.Scale(run.Device, count, -3f, inPlace, inPlace),
                Elementwise.ScaleBy(run.Device, count, run.Put(0.375f), run.Put(a), scaledBy),
                Elementwise.Copy(run.Device, count, run.Put(a), copy),
                Elementwise.Fill(run.Device, count, 0.1f, filled));
            Numbers.Near([.. a.Select((value, i) => (double)value + b[i])], sum.ToArray(), 1e-7, 0);
            Numbers.Near([.. a.Select((value, i) => (0.75 * value) + b[i])], scaled.ToArray(), 1e-7, 1e-7);
            Assert.Equal(a.Select(value => value * -3f), inPlace.ToArray());
            Assert.Equal(a.Select(value => value * 0.375f), scaledBy.ToArray());
            Assert.Equal(a, copy.ToArray());
            Assert.All(filled.ToArray(), value => Assert.Equal(0.1f, value));
        }
    }

    /// <summary>
    /// A moving average starts with its first value whole, stays at a constant to some roundings, and a step that is not finite leaves it
    /// alone.
    /// </summary>
    [Theory]
    [MemberData(nameof(TestDevices.Names), MemberType = typeof(TestDevices))]
    public void The_average_of_a_constant_is_the_constant(string name)
    {
        foreach (int count in Counts)
        {
            using var run = new KernelRun(TestDevices.Open(name));
            float[] constant = Numbers.Values(3, count);
            BufferView<float> average = run.Put(new float[count]), x = run.Put(constant), other = run.Put(Numbers.Values(4, count));
            run.Run(Blend(1f, 1f, x));
            Assert.Equal(constant, average.ToArray());
            for (int step = 0; step < 10; step++)
            {
                run.Run(Blend(0.3f, 1f, x));
            }

            Numbers.Near(constant.Double(), average.ToArray(), 1e-6, 0);
            float[] before = average.ToArray();
            run.Run(Blend(0.3f, float.NaN, other));
            Assert.Equal(before, average.ToArray());

            Launch Blend(float weight, float finite, BufferView<float> value) => Elementwise.Mix(
                run.Device, count, 1f, StepScalars.OfMethods, true, run.Scalars((StepScalars.OfMethods, weight)), run.Put(finite),
                value, average);
        }
    }

    [Fact]
    public void A_view_that_is_too_short_is_named()
    {
        using var run = new KernelRun(TestDevices.Open("cpu"));
        ArgumentException error = Assert.Throws<ArgumentException>(
            () => Activations.Forward(run.Device, ActivationKind.Tanh, 10, run.Output(10), run.Output(9)));
        Assert.Equal("y", error.ParamName);
        Assert.Contains("10 elements of y", error.Message, StringComparison.Ordinal);
    }

    private static double Reference(ActivationKind kind, double x) => kind switch
    {
        ActivationKind.GeluErf => x / 2 * (1 + Numbers.Erf(x / Math.Sqrt(2))),
        ActivationKind.GeluTanh => x / 2 * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + (0.044715 * x * x * x)))),
        ActivationKind.Tanh => Math.Tanh(x),
        ActivationKind.Relu => Math.Max(x, 0),
        _ => x,
    };
}
