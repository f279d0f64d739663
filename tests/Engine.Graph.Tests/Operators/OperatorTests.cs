using Engine.Devices;
using Engine.Kernels.Tests;

namespace Engine.Graph.Tests.Operators;

/// <summary>Every entry of the operator table on every device: forward, gradient, guards, as written and after fusion.</summary>
public sealed class OperatorTests
{
    public static TheoryData<string, string> Cases => TestDevices.With<string>([.. OperatorTable.All.Select(problem => problem.Name)]);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Operator_computes_its_reference_and_its_gradient(string deviceName, string name)
    {
        OperatorCase problem = OperatorTable.Find(name);
        using Device device = TestDevices.Open(deviceName);
        int launches = int.MaxValue;
        foreach (bool fuse in (bool[])[false, true])
        {
            using var run = new OperatorRun(device, problem, fuse);
            run.Replay();
            for (int i = 0; i < problem.Expected.Length; i++)
            {
                Close($"output {i}", problem.Expected[i], run.Output(i), problem.ForwardTolerance);
            }

            if (problem.Differentiable)
            {
                CheckGradients(problem, run);
            }

            Assert.True(!fuse || !problem.Fuses || run.Launches < launches, $"{run.Launches} launches after fusion, {launches} before");
            launches = run.Launches;
        }
    }

    [Fact]
    public void Every_operator_is_in_the_table()
    {
        using Device device = TestDevices.Open("cpu");
        var covered = new HashSet<Type>();
        foreach (OperatorCase problem in OperatorTable.All)
        {
            using var run = new OperatorRun(device, problem, fuse: false);
            covered.UnionWith(run.Operators.Select(node => node.GetType()));
        }

        IEnumerable<Type> all = typeof(Operator).Assembly.GetTypes().Where(type => type.IsSubclassOf(typeof(Operator)) && !type.IsAbstract);
        Assert.Empty(all.Where(type => !covered.Contains(type)).Select(type => type.Name));
    }

    /// <summary>A second replay doubles the sums of the first: gradients accumulate over micro-batches.</summary>
    private static void CheckGradients(OperatorCase problem, OperatorRun run)
    {
        for (int replay = 1; replay <= 2; replay++)
        {
            for (int input = 0; input < problem.Inputs.Length; input++)
            {
                if (problem.ExpectedGradients[input] is { } once)
                {
                    Close($"gradient by input {input} after {replay} replays", [.. once.Select(value => value * replay)],
                        run.Gradient(input)!, problem.GradientTolerance);
                }
            }

            run.Replay();
        }
    }

    private static void Close(string what, double[] expected, float[] actual, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        double largest = expected.Select(Math.Abs).DefaultIfEmpty(0).Max();
        double allowed = tolerance * (largest == 0 ? 1 : largest);
        for (int i = 0; i < expected.Length; i++)
        {
            if (!(Math.Abs(actual[i] - expected[i]) <= allowed))
            {
                Assert.Fail(
                    $"{what}, element {i} of {expected.Length}: {actual[i]:R} where {expected[i]:R} was expected, "
                        + $"off by {actual[i] - expected[i]:E2}, allowed {allowed:E2}");
            }
        }
    }
}
