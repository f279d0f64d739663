using Engine.Devices;
using SegmentWork = Engine.Kernels.Segments;

namespace Engine.Kernels.Tests;

public class SegmentsTests
{
    /// <summary>
    /// Sums are added in float64, or in chunks of 16384 float32 terms by trees of 64 each: a few units in the last place.
    /// </summary>
    private const double SumTolerance = 2e-6;

    /// <summary>One multiplication and addition: half a unit in the last place, twice where a factor is rounded first.</summary>
    private const double MapTolerance = 2e-7;

    /// <summary>Segments smaller and larger than a chunk, of odd sizes, with gaps that belong to nobody.</summary>
    private static readonly Segment[] Segments =
        [new(3, 7), new(10, 16384), new(16500, 40_001, Scaled: false), new(56_501, 1), new(56_600, 97)];
    private const int RunCount = 56_700;

    [Theory]
    [MemberData(nameof(TestDevices.Names), MemberType = typeof(TestDevices))]
    public void Sums_of_segments_agree_with_float64(string name)
    {
        var table = new SegmentTable(Segments);
        using var run = new KernelRun(TestDevices.Open(name));
        float[] x = Numbers.Values(1, RunCount), packed = Numbers.Values(2, table.PackedCount, center: 0.5);
        BufferView<int> words = run.Put(table.Encode());
        BufferView<float> workspace = run.Output(SegmentWork.Workspace(table)), dots = run.Output(Segments.Length),
            norms = run.Output(Segments.Length);
        BufferView<float> viewX = run.Put(x), viewPacked = run.Put(packed);
        run.Run(SegmentWork.Dots(run.Device, table, words, viewPacked, true, viewPacked, true, workspace, dots));
        run.Run(SegmentWork.AdaptiveNorms(run.Device, table, words, 0.1f, viewX, viewX, workspace, norms));
        double[] expectedDots = new double[Segments.Length], expectedNorms = new double[Segments.Length];
        int place = 0;
        for (int s = 0; s < Segments.Length; s++)
        {
            for (int i = 0; i < Segments[s].Count; i++, place++)
            {
                double w = x[Segments[s].First + i];
                expectedDots[s] += (double)packed[place] * packed[place];
                expectedNorms[s] += Math.Pow((Segments[s].Scaled ? Math.Abs(w) + 0.1f : 1) * w, 2);
            }
        }

        Numbers.Near(expectedDots, dots.ToArray(), SumTolerance, 0);
        Numbers.Near(expectedNorms, norms.ToArray(), SumTolerance, 0);
    }

    [Theory]
    [MemberData(nameof(TestDevices.Names), MemberType = typeof(TestDevices))]
    public void A_map_changes_the_segments_alone_and_restores_them_to_the_bit(string name)
    {
        var table = new SegmentTable(Segments);
        using var run = new KernelRun(TestDevices.Open(name));
        float[] w = Numbers.Values(1, RunCount), g = Numbers.Values(2, RunCount), factors = [0.5f, -0.25f, 2f, 0f, 1e-3f];
        BufferView<int> words = run.Put(table.Encode());
        BufferView<float> view = run.Put(w), saved = run.Output(table.PackedCount), gradient = run.Put(g), factorView = run.Put(factors);
        run.Run(SegmentWork.Map(run.Device, table, words, SegmentMap.Perturb, 0, factorView, view, saved, gradient));
        double[] expected = w.Double();
        for (int s = 0; s < Segments.Length; s++)
        {
            for (int i = Segments[s].First; i < Segments[s].First + Segments[s].Count; i++)
            {
                expected[i] += (double)factors[s] * g[i];
            }
        }

        Numbers.Near(expected, view.ToArray(), MapTolerance, MapTolerance);
        float[] perturbed = view.ToArray();
        foreach (Range gap in new[] { ..3, 16394..16500, 56_502..56_600, 56_697.. })
        {
            Assert.Equal(w[gap], perturbed[gap]);
        }

        run.Run(SegmentWork.Map(run.Device, table, words, SegmentMap.Restore, 0, default, view, saved, default));
        Assert.Equal(w, view.ToArray());
    }

    [Fact]
    public void A_table_refuses_what_has_no_elements()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new SegmentTable([]));
        Assert.Throws<ArgumentOutOfRangeException>(() => new SegmentTable([new Segment(0, 0)]));
    }
}
