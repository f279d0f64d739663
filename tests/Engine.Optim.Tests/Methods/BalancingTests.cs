using Engine.Kernels.Tests;
using Engine.Model.Adapters;
using Engine.Model.Batching;
using Engine.Optim.Methods;

namespace Engine.Optim.Tests.Methods;

/// <summary>BAR's invariants. A batch whose targets are unknown has no gradient, so that the rescaling alone moves the weights.</summary>
public sealed class BalancingTests
{
    private const double Rate = 0.05;
    private const double Mu = 2;
    private static readonly RaggedBatch Unknown = ToyRun.Batch(_ => float.NaN);

    public static TheoryData<string> Devices => TestDevices.Names;

    /// <summary>Two roundings of a factor, two of a product: some units of 6e-8.</summary>
    [Theory]
    [MemberData(nameof(Devices))]
    public void The_product_of_a_pair_drifts_by_one_minus_the_square(string device)
    {
        foreach (bool byGradient in (bool[])[false, true])
        {
            using ToyRun run = Run(device, Bar(byGradient, Mu));
            double[][] before = Products(run);
            run.Step(Rate, Unknown);
            foreach ((double[] old, double[] now) in before.Zip(Products(run)))
            {
                Numbers.Near(
                    [.. old.Select(value => (1 - Math.Pow(Mu * Rate, 2)) * value)], [.. now.Select(value => (float)value)], 1e-6, 1e-7);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Obar_brings_every_pair_nearer_to_balance_until_a_step_would_overshoot(string device)
    {
        using ToyRun run = Run(device, Bar(byGradient: false, 0.2));
        Fill(run.Model.Adapters[0].A, 0.2f);
        Fill(run.Model.Adapters[0].B, 0.8f);
        Fill(run.Model.Adapters[1].A, 0.8f);
        Fill(run.Model.Adapters[1].B, 0.1f);
        double[] before = Balance(run);
        for (int step = 0; step < 10; step++)
        {
            run.Step(Rate, Unknown);
            double[] now = Balance(run);
            for (int pair = 0; pair < now.Length; pair++)
            {
                Assert.True(Math.Abs(now[pair]) < Math.Abs(before[pair]), $"pair {pair}, step {step}: {before[pair]} became {now[pair]}");
            }

            before = now;
        }
    }

    /// <summary>
    /// With s = mu eta: Bal' - s^2 Bal = Bal - s (||A||^2 + ||B||^2) sign(Bal), exactly. Balances are differences of sums of 12 squares in
    /// float32.
    /// </summary>
    [Theory]
    [MemberData(nameof(Devices))]
    public void Obars_step_towards_balance_is_as_long_as_the_specification_says(string device)
    {
        using ToyRun run = Run(device, Bar(byGradient: false, Mu));
        double[] before = Balance(run), sizes = [.. run.Model.Adapters.Select(layer => Square(layer.A) + Square(layer.B))];
        run.Step(Rate, Unknown);
        double s = Mu * Rate;
        double[] expected = [.. before.Select((balance, pair) => ((1 + (s * s)) * balance) - (2 * s * sizes[pair] * Math.Sign(balance)))];
        Numbers.Near(expected, [.. Balance(run).Select(value => (float)value)], 1e-5, 1e-5);

        static double Square(Graph.Variable factor) => factor.View<float>().ToArray().Sum(value => (double)value * value);
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Obar_treats_both_factors_alike(string device)
    {
        using ToyRun run = Run(device, Bar(byGradient: false, Mu));
        LoraLinear layer = run.Model.Adapters[0];
        foreach (bool largeB in (bool[])[false, true])
        {
            Fill(layer.A, largeB ? 1f : 4f);
            Fill(layer.B, largeB ? 4f : 1f);
            run.Step(Rate, Unknown);
            Assert.Equal(largeB ? 1.1f : 4 * 0.9f, layer.A.View<float>().ToArray()[0], 1e-6f);
            Assert.Equal(largeB ? 4 * 0.9f : 1.1f, layer.B.View<float>().ToArray()[0], 1e-6f);
        }
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Nbar_grows_the_factor_with_the_larger_gradient_before_the_update(string device)
    {
        using ToyRun plain = Run(device, new PlainMethod(), decay: 0);
        using ToyRun run = Run(device, Bar(byGradient: true, Mu), decay: 0);
        double[] start = plain.Values.Double();
        plain.Step(Rate);
        run.Step(Rate);
        foreach (LoraLinear layer in plain.Model.Adapters)
        {
            double a = Norm(layer.A.Gradient!), b = Norm(layer.B.Gradient!);
            foreach ((Graph.Variable factor, bool grows) in ((Graph.Variable, bool)[])[(layer.B, b >= a), (layer.A, b < a)])
            {
                int first = (int)(factor.ByteOffset / sizeof(float)), count = (int)factor.Shape.Count;
                double scale = grows ? 1 + (Mu * Rate) : 1 - (Mu * Rate);
                double[] expected = [.. Enumerable.Range(first, count).Select(i => (scale * start[i]) + (plain.Values[i] - start[i]))];
                Numbers.Near(expected, run.Values[first..(first + count)], 1e-5, 1e-6);
            }
        }

        static double Norm(Graph.Variable variable) => Math.Sqrt(variable.View<float>().ToArray().Sum(value => (double)value * value));
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Without_mu_both_are_lora_to_the_bit(string device)
    {
        foreach (bool byGradient in (bool[])[false, true])
        {
            using ToyRun run = Run(device, Bar(byGradient, 0, MuSchedule.Linear));
            using ToyRun again = Run(device, new PlainMethod(), decay: 0);
            for (int step = 0; step < 3; step++)
            {
                Assert.Equal(again.Step(Rate), run.Step(Rate));
            }

            Assert.Equal(again.Values, run.Values);
            again.RequireTrained();
        }
    }

    [Fact]
    public void Mu_follows_its_schedule()
    {
        Assert.Equal([2, 2, 2], Mus(MuSchedule.Constant));
        Assert.Equal([2, 1, 0.5], Mus(MuSchedule.Linear));
        Assert.Equal([2, 1, 1 - Math.Sqrt(0.5)], Mus(MuSchedule.Cosine), (x, y) => Math.Abs(x - y) < 1e-15);

        static double[] Mus(MuSchedule schedule)
        {
            TrainingMethod method = Bar(byGradient: false, 2, schedule);
            return [method.Factor(0, 8), method.Factor(4, 8), method.Factor(6, 8)];
        }
    }

    private static TrainingMethod Bar(bool byGradient, double mu, MuSchedule schedule = MuSchedule.Constant) =>
        ((Balancing)(byGradient ? new NBar() : new OBar()) with { Mu = mu, MuSchedule = schedule }).CreatePlugIn();

    private static ToyRun Run(string device, TrainingMethod method, double decay = 0.1) =>
        new(device, new TwoLayerModel(), ToyRun.Adapters, method, new AdamWOptions { WeightDecay = method is BalancingMethod ? 0 : decay });

    private static void Fill(Graph.Variable variable, float value) =>
        variable.View<float>().Write([.. Enumerable.Repeat(value, (int)variable.Shape.Count)]);

    private static double[] Balance(ToyRun run) => [.. run.Model.Adapters.Select(layer =>
        layer.B.View<float>().ToArray().Sum(value => (double)value * value)
            - layer.A.View<float>().ToArray().Sum(value => (double)value * value))];

    /// <summary>B A of each layer.</summary>
    private static double[][] Products(ToyRun run) => [.. run.Model.Adapters.Select(layer =>
    {
        float[] a = layer.A.View<float>().ToArray(), b = layer.B.View<float>().ToArray();
        int rank = layer.Rank, columns = layer.A.Shape.Columns;
        return Enumerable.Range(0, layer.B.Shape.Rows * columns)
            .Select(i => Enumerable.Range(0, rank).Sum(k => (double)b[(i / columns * rank) + k] * a[(k * columns) + (i % columns)]))
            .ToArray();
    })];
}
