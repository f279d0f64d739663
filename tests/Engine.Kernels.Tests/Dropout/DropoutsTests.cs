using Engine.Devices;

namespace Engine.Kernels.Tests;

public class DropoutsTests
{
    private const ulong Seed = 77;
    private const uint Stream = 3, Step = 12;

    public static TheoryData<string, int> Cases() => TestDevices.With(1, 7, 33, 1000, 40001);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Elements_are_kept_by_their_words_and_scaled(string name, int count)
    {
        foreach (float probability in new[] { 0f, 0.1f, 0.5f })
        {
            using var run = new KernelRun(TestDevices.Open(name));
            float[] x = Numbers.Values(1, count), residual = Numbers.Values(2, count);
            BufferView<float> inPlace = run.Put(x), sum = run.Output(count);
            BufferView<uint> random = run.RandomState(Seed, Step);
            run.Run(
                Dropouts.Apply(run.Device, count, probability, Stream, run.Put(x), run.Put(residual), random, sum),
                Dropouts.Apply(run.Device, count, probability, Stream, inPlace, null, random, inPlace));

            double[] expected = [.. x.Select((value, e) =>
                PhiloxReference.Word(e, Seed, Stream, Step) >= probability * 4294967296.0 ? value / (1 - (double)probability) : 0)];
            Numbers.Near(expected, inPlace.ToArray(), 2e-7, 0);
            Numbers.Near([.. expected.Select((value, i) => value + residual[i])], sum.ToArray(), 2e-7, 2e-7);
        }
    }

    [Theory]
    [InlineData(-0.1f)]
    [InlineData(1f)]
    [InlineData(float.NaN)]
    public void A_probability_outside_its_range_is_refused(float probability)
    {
        using var run = new KernelRun(TestDevices.Open("cpu"));
        Assert.Throws<ArgumentOutOfRangeException>(
            () => Dropouts.Apply(run.Device, 1, probability, 0, run.Put(1f), null, run.RandomState(0, 0), run.Output(1)));
    }
}
