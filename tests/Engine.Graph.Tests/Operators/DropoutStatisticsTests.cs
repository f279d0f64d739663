using Engine.Devices;
using Engine.Graph.Operators;
using Engine.Kernels;
using Engine.Kernels.Tests;

namespace Engine.Graph.Tests.Operators;

public sealed class DropoutStatisticsTests
{
    private const int Count = 1 << 16;

    [Theory]
    [MemberData(nameof(Cases))]
    public void As_many_elements_are_dropped_as_the_probability_says_and_streams_are_independent(string deviceName, float probability)
    {
        using Device device = TestDevices.Open(deviceName);
        var ones = new CaseInput(new Shape(Count), Enumerable.Repeat(1f, Count).ToArray(), InputRole.Constant);
        var random = new CaseInput(new Shape(RandomState.Count), new uint[] { 1, 2, 3, 0 }, InputRole.Constant);
        var problem = new OperatorCase(
            "Dropout of ones",
            [ones, random],
            (graph, t) => [graph.Dropout(t[0], probability, 0, t[1]), graph.Dropout(t[0], probability, 1, t[1])],
            _ => [new double[Count], new double[Count]]);
        using var run = new OperatorRun(device, problem, fuse: false);
        run.Replay();
        bool[][] dropped = [.. Enumerable.Range(0, 2).Select(stream => run.Output(stream).Select(value => value == 0).ToArray())];
        AssertShare(probability, dropped[0]);
        AssertShare(probability, dropped[1]);
        AssertShare(probability * probability, dropped[0].Zip(dropped[1], (first, second) => first && second));
    }

    public static TheoryData<string, float> Cases => TestDevices.With(0.1f, 0.5f, 0.9f);

    /// <summary>Within five deviations of a binomial share, which chance leaves once in two million draws; the seed is fixed.</summary>
    private static void AssertShare(double expected, IEnumerable<bool> flags)
    {
        double deviation = Math.Sqrt(expected * (1 - expected) / Count);
        Assert.InRange(flags.Count(flag => flag) / (double)Count, expected - (5 * deviation), expected + (5 * deviation));
    }
}
