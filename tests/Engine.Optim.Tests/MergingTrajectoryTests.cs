using System.Text.Json;
using Engine.Graph;
using Engine.Kernels;
using Engine.Kernels.Tests;
using Engine.Optim.Methods;
using Engine.Safetensors;
using Engine.Tests;

namespace Engine.Optim.Tests;

/// <summary>Runs of the methods that write base weights, held against PyTorch in float64 (shared/goldens/related).</summary>
public sealed class MergingTrajectoryTests
{
    /// <summary>What the goldens' page asks of a float32 engine; PyTorch in float32 is at 1e-7.</summary>
    private const double LossTolerance = 5e-6;

    /// <summary>Norm of the difference over norm of the movement; PyTorch in float32 is at 2e-5 or below.</summary>
    private const double MovementTolerance = 1e-4;

    /// <summary>
    /// Of a step's scales: v amplifies what float32 rounds of factors and gradients, by up to the inverse of the smallest relative v of the
    /// runs, 1e-3.
    /// </summary>
    private const double ScaleTolerance = 2e-3;

    public static TheoryData<string, string> Runs => TestDevices.With("scalora", "scalora-i3", "scalora-current");

    public static TheoryData<string> Devices => TestDevices.Names;

    [SharedTheory]
    [MemberData(nameof(Runs))]
    public void Scalora_follows_its_golden_with_the_same_branches(string device, string name)
    {
        ScaLoraMethod? method = null;
        using GoldenRun run = Start(device, name, (settings, _) => method = new ScaLoraMethod(new ScaLora
        {
            Interval = settings.GetProperty("interval").GetInt32(),
            L = settings.GetProperty("L").GetDouble(),
            Eta = settings.GetProperty("eta").GetString() == "peak" ? ScalingRate.Peak : ScalingRate.Current,
        }));
        (float[] Values, string Name)[] start = Tensors(run);
        SafetensorsTensor branches = run.Golden["mid.scalora.branch"];
        int layers = (int)branches.Shape[1];
        var expected = new int[run.Steps * layers];
        branches.ReadStored(expected.AsSpan(), 0);
        for (int step = 0; step < run.Steps; step++)
        {
            run.Step(step, LossTolerance);
            if (method!.CourseOf(step) == StepCourse.OnePass)
            {
                Assert.All(expected[(step * layers)..((step + 1) * layers)], branch => Assert.Equal(-1, branch));
                continue;
            }

            float[] scales = method.Scales.View<float>().ToArray();
            Assert.Equal(
                expected[(step * layers)..((step + 1) * layers)],
                Enumerable.Range(0, layers).Select(layer => (int)new ColumnScales(method.Table, scales, layer).Branch));
            var first = new ColumnScales(method.Table, scales, 0);
            foreach ((string part, float[] actual) in new[]
            {
                ("alpha", first.Alpha.ToArray()), ("beta", first.Beta.ToArray()), ("v", first.Solution.ToArray()),
            })
            {
                if (run.Golden.TryGet($"mid.scalora.step{step}.layer0.{part}", out SafetensorsTensor? golden))
                {
                    float[] values = golden.ToFloat32();
                    double norm = Norm(values);
                    Assert.True(
                        Norm([.. values.Zip(actual, (value, own) => value - own)]) <= ScaleTolerance * norm,
                        $"{name} step {step}: {part} is [{string.Join(", ", actual)}], expected [{string.Join(", ", values)}]");
                }
            }
        }

        RequireMovement(run, start, name);
    }

    [SharedTheory]
    [MemberData(nameof(Devices))]
    public void Xgblora_follows_its_golden(string device)
    {
        using var boosters = new StartFile("init.");
        using GoldenRun run = Start(device, "xgblora", (settings, golden) =>
            new XgbLora { Kappa = settings.GetProperty("kappa").GetInt32(), Init = boosters.Write(golden) }.CreatePlugIn());
        (float[] Values, string Name)[] start = Tensors(run);
        for (int step = 0; step < run.Steps; step++)
        {
            run.Step(step, LossTolerance);
        }

        RequireMovement(run, start, "xgblora");
        Model.Adapters.LoraLinear layer = run.Model.Adapters[0];
        Assert.Equal(3, layer.Merged.Count);
        run.RequireNear(layer.Merged.Index().SelectMany(pair => new[]
        {
            (pair.Item.A.View<float>().ToArray(), $"mid.xgb.merge{pair.Index + 1}.layer0.A"),
            (pair.Item.B.View<float>().ToArray(), $"mid.xgb.merge{pair.Index + 1}.layer0.B"),
        }));
    }

    private static GoldenRun Start(string device, string name, Func<JsonElement, SafetensorsFile, TrainingMethod> create) =>
        new(
            device,
            new GoldenFiles("roberta-cls", $"related/{name}", $"related/{name}", $"related/{name}.init"),
            LossAverage.Batches,
            create);

    /// <summary>Trainable tensors and the base weights that the golden has.</summary>
    private static (float[] Values, string Name)[] Tensors(GoldenRun run) =>
    [
        .. run.Model.Trainables!.Entries.Select(entry => (entry.Value.View<float>().ToArray(), $"final.{entry.Name}")),
        .. run.Model.Adapters.Select(layer => (layer.Weight.View<float>().ToArray(), $"final.{layer.Module}.base"))
            .Where(tensor => run.Golden.Contains(tensor.Item2)),
    ];

    private static void RequireMovement(GoldenRun run, (float[] Values, string Name)[] start, string name)
    {
        Assert.Equal(2, start.Count(tensor => tensor.Name.EndsWith(".base", StringComparison.Ordinal)));
        foreach (((float[] before, string tensor), (float[] after, _)) in start.Zip(Tensors(run)))
        {
            float[] expected = run.Golden[tensor].ToFloat32();
            double moved = Norm([.. expected.Zip(before, (value, old) => value - old)]);
            double off = Norm([.. expected.Zip(after, (value, own) => value - own)]);
            Assert.True(off <= MovementTolerance * moved, $"{name}: {tensor} moved by {moved} and is off by {off}, {off / moved} of that");
        }
    }

    private static double Norm(float[] values) => Math.Sqrt(values.Sum(value => (double)value * value));
}
