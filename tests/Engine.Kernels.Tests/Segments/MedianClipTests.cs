using Engine.Devices;

namespace Engine.Kernels.Tests;

public sealed class MedianClipTests
{
    /// <summary>A root, a sum of two and a quotient: a few units in the last place.</summary>
    private const double Tolerance = 5e-7;

    public static TheoryData<string, int> Counts() => TestDevices.With(1, 2, 3, 10, 301, 600);

    [Theory]
    [MemberData(nameof(Counts))]
    public void Tensors_are_clipped_to_the_median_of_those_that_take_part(string device, int count)
    {
        float[] squares = Numbers.Values(1, count, 1, 1.1);
        float[] mask = [.. Enumerable.Range(0, count).Select(i => i % 3 == 1 && count > 2 ? 0f : 1f)];
        if (count > 10)
        {
            // Ties, and tensors without a gradient.
            squares.AsSpan(0, 4).Clear();
            squares.AsSpan(20, 9).Fill(squares[50]);
        }

        double[] norms = [.. squares.Select(square => Math.Sqrt(square))], taken = [.. norms.Where((_, i) => mask[i] != 0).Order()];
        double median = (taken[(taken.Length - 1) / 2] + taken[taken.Length / 2]) / 2;
        foreach (float largest in (float[])[0.4f, 100f])
        {
            double bound = Math.Min(median, largest);
            using var run = new KernelRun(TestDevices.Open(device));
            BufferView<float> factors = run.Output(count), deviation = run.Output(1);
            run.Run(MedianClip.Factors(
                run.Device, count, largest, 0.2f, run.Put(squares), run.Put(mask), run.Scalars((StepScalars.SampleWeight, 0.125f)), factors,
                deviation));
            Numbers.Near(
                [.. norms.Select((norm, i) => mask[i] == 0 ? 0 : norm > bound ? bound / norm : 1)], factors.ToArray(), Tolerance, 0);
            Numbers.Near([0.2 * bound / 8], deviation.ToArray(), Tolerance, 0);
        }
    }

    /// <summary>As in the first step of a new adapter, where most gradients are 0: nothing at all is left of the others.</summary>
    [Theory]
    [MemberData(nameof(TestDevices.Names), MemberType = typeof(TestDevices))]
    public void A_median_of_zero_stops_everything(string device)
    {
        using var run = new KernelRun(TestDevices.Open(device));
        BufferView<float> factors = run.Output(3), deviation = run.Output(1);
        run.Run(MedianClip.Factors(
            run.Device, 3, 0.4f, 0.2f, run.Put(0f, 4f, 0f), run.Put(1f, 1f, 1f), run.Scalars((StepScalars.SampleWeight, 1f)), factors,
            deviation));
        Assert.Equal([1f, 0f, 1f], factors.ToArray());
        Assert.Equal([0f], deviation.ToArray());
    }
}
