using Engine.Common;
using Engine.Devices;
using Engine.Graph;
using Engine.Kernels.Tests;
using Engine.Model.Batching;
using Engine.Optim.Methods;

namespace Engine.Optim.Tests.Methods;

/// <summary>LA-LoRA's parts, each by itself: what trains in which step, clipping by sample, noise, and what it refuses.</summary>
public sealed class LaLoraTests
{
    private const double Rate = 0.05;

    /// <summary>Float32 sums of 16 samples' gradients against float64.</summary>
    private const double Tolerance = 2e-6;

    /// <summary>Alternating steps and nothing else.</summary>
    private static readonly LaLora Alternating = new() { Clip = 0, Filter = false, Optimizer = StepOptimizer.Sgd };

    private static readonly AdamWOptions Optimizer = new() { LearningRate = Rate, MaxGradNorm = 0 };

    public static TheoryData<string> Devices => TestDevices.Names;

    [Theory]
    [MemberData(nameof(Devices))]
    public void B_and_A_step_in_turn_and_the_other_keeps_its_bits(string device)
    {
        using ToyRun run = Toy(device, Alternating), plain = Toy(device, new Plain());
        foreach (bool trainsB in (bool[])[true, false, true])
        {
            float[] before = run.Values;
            plain.Values = before;
            plain.Step();
            run.Step(Rate);
            bool[] trained = [.. Elements(run, trainsB)];
            Numbers.Near(
                [.. before.Zip(plain.Gradients, trained).Select(e => e.First - (e.Third ? Rate * e.Second : 0))], run.Values, Tolerance,
                Tolerance);
            Assert.Equal(before.Where((_, i) => !trained[i]), run.Values.Where((_, i) => !trained[i]));
            Assert.NotEqual(before, run.Values);
        }
    }

    /// <summary>
    /// The gradients of a step are the mean of the samples', each alone and clipped, whose norms are at most C to the last bits; C lies
    /// among the norms. Micro-batches make no difference.
    /// </summary>
    [Theory]
    [MemberData(nameof(Devices))]
    public void Each_sample_is_clipped_before_the_mean(string device)
    {
        RaggedBatch all = ToyRun.Batch(token => 0.1f * token);
        using ToyRun plain = Toy(device, new Plain());
        bool[] trained = [.. Elements(plain, trainsB: true)];
        double[][] samples = [.. Enumerable.Range(0, all.RowCount).Select(row =>
        {
            plain.Step(batch: Rows(all, row));
            return (double[])[.. plain.Gradients.Select((g, i) => trained[i] ? g : 0.0)];
        })];
        double[] norms = [.. samples.Select(own => Math.Sqrt(own.Sum(g => g * g)))];
        double clip = 1.01 * norms.Order().ElementAt(norms.Length / 2), factors = 0;
        Assert.InRange(norms.Count(norm => norm > clip), 1, norms.Length - 2);
        var expected = new double[trained.Length];
        foreach ((double[] own, double norm) in samples.Zip(norms))
        {
            double factor = Math.Min(1, clip / norm);
            factors += factor / all.RowCount;
            for (int i = 0; i < own.Length; i++)
            {
                expected[i] += factor * own[i] / all.RowCount;
            }
        }

        using ToyRun run = Toy(device, Alternating with { Clip = clip, DpSigma = 0 });
        StepReport report = run.Step(batch: all);
        Numbers.Near(expected, run.Gradients, Tolerance, Tolerance);
        Assert.Equal(factors, run.Session.Numbers.Single().Value, Tolerance);
        Assert.Equal(Math.Sqrt(expected.Sum(g => g * g)), report.GradientNorm, Tolerance);
        Assert.Equal(plain.Step(batch: all).Loss, report.Loss, Tolerance);

        using ToyRun parts = Toy(device, Alternating with { Clip = clip, DpSigma = 0 });
        parts.Session.Step([Rows(all, 0, 1, 2), Rows(all, [.. Enumerable.Range(3, all.RowCount - 3)])], 0, "test");
        Assert.Equal(run.Gradients, parts.Gradients);
    }

    /// <summary>One sample that is large: what it adds has the norm C, and no more in the last bits.</summary>
    [Theory]
    [MemberData(nameof(Devices))]
    public void No_sample_adds_more_than_the_norm(string device)
    {
        using ToyRun run = Toy(device, Alternating with { Clip = 0.125, DpSigma = 0 });
        run.Step(batch: Rows(ToyRun.Batch(token => 100f), 2));
        double norm = Math.Sqrt(run.Gradients.Sum(g => (double)g * g));
        Assert.InRange(norm, 0.125 * (1 - 1e-5), 0.125 * (1 + 1e-7));
    }

    /// <summary>Deviation C sigma / (b R) of the step's own normals, none where nothing is trained.</summary>
    [Theory]
    [MemberData(nameof(Devices))]
    public void Noise_is_that_of_its_seed_and_step_on_what_is_trained(string device)
    {
        LaLora noisy = Alternating with { Clip = 0.5, DpSigma = 4, R = 2, NoiseSeed = 7 };
        using ToyRun run = Toy(device, noisy), quiet = Toy(device, Alternating with { Clip = 0.5, DpSigma = 0 });
        for (uint step = 0; step < 2; step++)
        {
            run.Step();
            quiet.Step();
            double[] normals = new double[run.Values.Length];
            new PhiloxGenerator(7, RandomStream.GradientNoise, step).FillNormals(normals);
            bool[] trained = [.. Elements(run, trainsB: step == 0)];
            double deviation = 0.5 * 4 / (ToyRun.Tokens.Length * 2);
            Numbers.Near(
                [.. quiet.Gradients.Select((g, i) => trained[i] ? g + (deviation * normals[i]) : 0)], run.Gradients, 1e-5, 1e-6);
        }
    }

    /// <summary>A step that stood still for want of labels would tell of the data: it takes its noise as any other.</summary>
    [Theory]
    [MemberData(nameof(Devices))]
    public void A_step_without_labels_moves_by_its_noise(string device)
    {
        using ToyRun run = Toy(device, Alternating with { Clip = 0.5, DpSigma = 4, NoiseSeed = 7 });
        run.Step(Rate);
        float[] before = run.Values;
        StepReport report = run.Step(Rate, ToyRun.Batch(_ => float.NaN) with { ClassLabels = null });
        double[] normals = new double[before.Length];
        new PhiloxGenerator(7, RandomStream.GradientNoise, 1).FillNormals(normals);
        bool[] trained = [.. Elements(run, trainsB: false)];
        double deviation = 0.5 * 4 / ToyRun.Tokens.Length;
        double[] noise = [.. normals.Select((normal, i) => trained[i] ? deviation * normal : 0)];
        Numbers.Near(noise, run.Gradients, 1e-5, 1e-6);
        Numbers.Near([.. before.Zip(noise, (value, step) => value - (Rate * step))], run.Values, 1e-5, 1e-6);
        Assert.Equal((0, 0, false), (report.Labels, report.Loss, report.Skipped));
        Assert.Equal((2, 0), (run.Session.StepsTaken, run.Session.UnlabelledSteps));
        Assert.Equal(0, run.Session.Numbers.Single().Value);
    }

    /// <summary>The filter takes noise off: of white noise [1, 4, 6, 4, 1] / 16 leaves 70 / 256 of the power.</summary>
    [Fact]
    public void The_filter_takes_noise_off_the_factors()
    {
        double Power(bool filter)
        {
            LaLora method = Alternating with { Clip = 1e-6, DpSigma = 1e6, Filter = filter };
            using var run = new ToyRun("cpu", new WideModel(), WideModel.Adapter, method.CreatePlugIn(), Optimizer);
            run.Step();
            return run.Gradients.Sum(g => (double)g * g);
        }

        // Some thousand squares: their mean is right to some hundredths, and the mirrored edges add a little.
        Assert.Equal(70.0 / 256, Power(true) / Power(false), 0.03);
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void A_sample_without_a_finite_gradient_changes_nothing(string device)
    {
        using ToyRun run = Toy(device, new LaLora());
        float[] before = run.Values;
        StepReport report = run.Step(Rate, ToyRun.Batch(token => token == 3 ? float.PositiveInfinity : 0.1f));
        Assert.False(double.IsFinite(report.GradientNorm));
        Assert.Equal(before, run.Values);
        run.Step(Rate);
        run.RequireTrained();
    }

    /// <summary>Each client starts with the factor that the paper says, counts of updates at 0, and draws noise of its own.</summary>
    [Fact]
    public void A_session_starts_anew_for_the_next_client()
    {
        using ToyRun run = Toy("cpu", new LaLora()), fresh = Toy("cpu", new LaLora());
        Assert.False(run.Session.CarriesState);
        float[] start = run.Values;
        for (int step = 0; step < 3; step++)
        {
            run.Step(Rate);
        }

        run.Values = start;
        run.Session.Restart(0);
        run.Step(Rate);
        fresh.Step(Rate);
        Assert.Equal(fresh.Values, run.Values);
        run.Values = start;
        run.Session.Restart(3);
        run.Step(Rate);
        Assert.NotEqual(fresh.Values, run.Values);
    }

    [Fact]
    public void Only_learning_rates_go_beside_it()
    {
        using ToyRun run = Toy("cpu", new Together(Alternating, new LoraPlus { Ratio = 4 })), alone = Toy("cpu", Alternating);
        float[] before = run.Values;
        run.Step(Rate);
        alone.Step(Rate);
        Numbers.Near(
            [.. before.Zip(alone.Values, (start, end) => start + (4 * ((double)end - start)))], run.Values, Tolerance, 4 * Tolerance);
        foreach (Method other in (Method[])[new LoraSam(), new NBar(), new HaLora(), new ScaLora(), new SlSam()])
        {
            foreach (Together both in (Together[])[new(new LaLora(), other), new(other, new LaLora())])
            {
                string message = Assert.Throws<ConfigurationException>(() => both.CreatePlugIn()).Message;
                Assert.Contains("do not go together", message, StringComparison.Ordinal);
            }
        }
    }

    private static ToyRun Toy(string device, Method method) =>
        new(device, new TwoLayerModel(), ToyRun.UndroppedAdapters, method.CreatePlugIn(), Optimizer);

    private static RaggedBatch Rows(RaggedBatch batch, params ReadOnlySpan<int> rows)
    {
        RaggedBatch part = batch.RoomFor(rows.Length, rows.Length);
        batch.CopyRows(rows, part);
        return part;
    }

    /// <summary>For each trained number whether a step trains it.</summary>
    private static IEnumerable<bool> Elements(ToyRun run, bool trainsB)
    {
        HashSet<Variable> still = [.. run.Model.Adapters.Select(layer => trainsB ? layer.A : layer.B)];
        return run.Model.Trainables!.Entries
            .SelectMany(entry => Enumerable.Repeat(!still.Contains(entry.Value), (int)entry.Value.Shape.Count));
    }
}
