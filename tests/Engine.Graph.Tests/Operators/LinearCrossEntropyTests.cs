using Engine.Devices;
using Engine.Graph.Operators;
using Engine.Kernels;
using Engine.Kernels.Tests;

namespace Engine.Graph.Tests.Operators;

/// <summary>The loss over a vocabulary whose logits are never stored, beside the one that stores them.</summary>
public sealed class LinearCrossEntropyTests
{
    private const int Rows = 50;
    private const int Vocabulary = 101;
    private const int Width = 24;

    /// <summary>The same float32 products cut elsewhere: some epsilons (6e-8) of the largest element.</summary>
    private const double Tolerance = 2e-6;

    public static TheoryData<string> Devices => TestDevices.Names;

    [Theory]
    [MemberData(nameof(Devices))]
    public void Loss_and_gradients_are_those_of_stored_logits(string deviceName)
    {
        using Device device = TestDevices.Open(deviceName);
        OperatorCase Case(Func<GraphBuilder, Tensor[], Tensor> loss) => new(
            "loss",
            [
                Input(1, InputRole.Activation, Rows, Width),
                Input(2, InputRole.Parameter, Vocabulary, Width),
                Input(3, InputRole.Parameter, Vocabulary),
                new CaseInput(new Shape(Rows), Labels(), InputRole.Constant),
                new CaseInput(new Shape(StepScalars.Count), Scalars(), InputRole.Constant),
            ],
            (graph, t) => [.. loss(graph, t).Producer!.Outputs.Take(2)],
            _ => [[0]])
        {
            LossScale = 1,
        };
        using var stored = new OperatorRun(
            device, Case((graph, t) => graph.CrossEntropy(graph.Linear(t[0], t[1], t[2]), t[3], t[4], withGradient: true)), fuse: true);
        stored.Replay();
        Numbers.RequireComputed(stored.Output(0));
        Numbers.RequireComputed(stored.Gradient(0)!);
        foreach (int chunkRows in (int[])[16, 17, Rows])
        {
            using var chunked = new OperatorRun(
                device, Case((graph, t) => graph.LinearCrossEntropy(t[0], t[1], t[2], t[3], t[4], withGradient: true, chunkRows)),
                fuse: true);
            chunked.Replay();
            for (int output = 0; output < 2; output++)
            {
                Near(stored.Output(output), chunked.Output(output));
            }

            for (int input = 0; input < 3; input++)
            {
                Near(stored.Gradient(input)!, chunked.Gradient(input)!);
            }
        }
    }

    [Theory]
    [InlineData(50265, 768)]
    [InlineData(151936, 896)]
    public void Planned_memory_is_a_chunk_of_logits_instead_of_all_of_them(int vocabulary, int width)
    {
        const int rows = 2048;
        const long most = 160L << 20;
        using Device device = TestDevices.Open("cpu");
        long stored = Planned(
            (graph, hidden, weight, labels, scalars) =>
                graph.CrossEntropy(graph.Linear(hidden, weight), labels, scalars, withGradient: true));
        long chunked = Planned(
            (graph, hidden, weight, labels, scalars) =>
                graph.LinearCrossEntropy(hidden, weight, null, labels, scalars, withGradient: true));
        long logits = sizeof(float) * (long)rows * vocabulary;
        long hidden = sizeof(float) * (long)rows * width;
        Assert.InRange(stored, 2 * logits, 3 * logits);
        Assert.InRange(chunked, 0, most + (3 * hidden));

        long Planned(Func<GraphBuilder, Tensor, Tensor, Tensor, Tensor, Tensor> loss)
        {
            using var block = new StorageBlock("test");
            Variable x = block.Reserve("x", new Shape(rows, width)), weight = block.Reserve("weight", new Shape(vocabulary, width));
            x.Gradient = block.Reserve("gradient", x.Shape);
            Variable labels = block.Reserve("labels", new Shape(rows), ElementType.Int32),
                scalars = block.Reserve("scalars", new Shape(StepScalars.Count));
            var graph = new GraphBuilder();
            Tensor mean = graph.Output(loss(graph, graph.Source(x), graph.Read(weight), graph.Read(labels), graph.Read(scalars)));
            GradientBuilder.Differentiate(graph, mean);
            return Planner.Layout(device, graph).ArenaBytes;
        }
    }

    [Theory]
    [InlineData(1, 10)]
    [InlineData(320, 50265)]
    [InlineData(321, 50265)]
    [InlineData(5000, 50265)]
    [InlineData(512, 151936)]
    [InlineData(4096, 1_000_000)]
    public void Chunks_are_even_and_wide_enough_for_the_products(int rows, int vocabulary)
    {
        int chunk = LinearCrossEntropyOperator.RowsAtOnce(rows, vocabulary);
        int chunks = (rows + chunk - 1) / chunk;
        Assert.True(chunks == 1 || chunk >= 128, $"{chunk} rows at once");
        Assert.True(chunk <= 256 || (long)chunk * vocabulary * sizeof(float) <= 64L << 20, $"{chunk} rows at once");
        Assert.True(rows - ((chunks - 1) * chunk) > chunk - (16 * chunks), $"{chunks} chunks of {chunk} rows for {rows}");
    }

    [Fact]
    public void A_computed_weight_and_shapes_that_do_not_fit_are_refused()
    {
        using var block = new StorageBlock("test");
        var graph = new GraphBuilder();
        Tensor Read(params int[] shape) => graph.Read(block.Reserve("x", new Shape(shape)));
        Tensor labels = graph.Read(block.Reserve("labels", new Shape(4), ElementType.Int32)), scalars = Read(StepScalars.Count);
        Tensor hidden = Read(4, 3), weight = Read(5, 3);
        Assert.Contains("computed", Assert.Throws<ArgumentException>(
            () => graph.LinearCrossEntropy(
                hidden, graph.Activate(weight, ActivationKind.Tanh), null, labels, scalars, withGradient: true)).Message);
        Assert.Contains("do not fit", Assert.Throws<ArgumentException>(
            () => graph.LinearCrossEntropy(hidden, Read(5, 4), null, labels, scalars, withGradient: true)).Message);
        Assert.Contains("do not fit", Assert.Throws<ArgumentException>(
            () => graph.LinearCrossEntropy(hidden, weight, Read(4), labels, scalars, withGradient: true)).Message);
    }

    private static CaseInput Input(int seed, InputRole role, params int[] shape) =>
        new(new Shape(shape), Numbers.Values(seed, new Shape(shape).Count), role);

    /// <summary>Every fifth row does not count.</summary>
    private static int[] Labels() =>
        [.. Numbers.Indices(4, Rows, Vocabulary).Select((label, row) => row % 5 == 2 ? Losses.IgnoredLabel : label)];

    private static float[] Scalars()
    {
        var scalars = new float[StepScalars.Count];
        scalars[StepScalars.LossScale] = 1;
        return scalars;
    }

    private static void Near(float[] expected, float[] actual)
    {
        double allowed = Tolerance * expected.Max(Math.Abs);
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            if (!(Math.Abs(expected[i] - actual[i]) <= allowed))
            {
                Assert.Fail($"{actual[i]:R} instead of {expected[i]:R}");
            }
        }
    }
}
