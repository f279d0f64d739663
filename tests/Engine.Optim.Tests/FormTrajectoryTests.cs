using Engine.Graph;
using Engine.Kernels.Tests;
using Engine.Model.Adapters;
using Engine.Model.Forms;
using Engine.Optim.Methods;
using Engine.Safetensors;
using Engine.Tests;

namespace Engine.Optim.Tests;

/// <summary>
/// Runs of methods that give adapters another form held against PyTorch's in float64 (shared/goldens/related), their inner values too.
/// </summary>
public sealed class FormTrajectoryTests
{
    public static TheoryData<string, string> BeamRuns => TestDevices.QuickWith<string>("beamlora", "beamlora-code");

    [SharedTheory]
    [MemberData(nameof(BeamRuns))]
    public void Beamlora_prunes_what_pytorch_prunes(string deviceName, string name)
    {
        RecordingBeamLora? method = null;
        using var run = new GoldenRun(
            deviceName, GoldenFiles.Related(name), LossAverage.Batches,
            (settings, _) => method = new RecordingBeamLora((BeamLora)GoldenRun.SettingsOf(settings)));
        int seen = 0;
        for (int step = 0; step < run.Steps; step++)
        {
            run.Step(step);
            for (; seen < method!.Prunings.Count; seen++)
            {
                (double[][] importance, IReadOnlyList<PrunedRank> pruned) = method.Prunings[seen];
                Assert.Equal(
                    run.Golden[$"mid.beam.event{seen}.module_pruned_parent"].ToInt32(),
                    pruned.SelectMany(rank => new[] { rank.Layer, rank.Pruned, rank.Parent }));
                run.RequireNear(
                    [([.. importance.SelectMany(layer => layer).Select(value => (float)value)], $"mid.beam.event{seen}.importance")]);
                run.RequireNear(
                    [(BeamForm.GateOf(run.Model.Adapters[0]).View<float>().ToArray(), $"mid.beam.event{seen}.layer0.gate_after")]);
            }
        }

        Assert.Equal(2, seen);
        run.RequireMovement();
        foreach (LoraLinear layer in run.Model.Adapters)
        {
            // A sum of four float32 numbers.
            var importance = new double[layer.Rank];
            ((BeamForm)layer.Form!).Importance(BeamForm.GateOf(layer).View<float>().ToArray(), importance);
            Assert.Equal(layer.Rank, importance.Sum(), 1e-12);
        }
    }

    [SharedTheory]
    [MemberData(nameof(Devices))]
    public void Goat_routes_balances_and_learns_as_pytorch(string deviceName)
    {
        using var start = new StartFile("init.");
        using var run = new GoldenRun(
            deviceName, GoldenFiles.Related("goat"), LossAverage.Batches,
            (settings, golden) => ((Goat)GoldenRun.SettingsOf(settings) with { Init = start.Write(golden) }).CreatePlugIn());
        float[] aux = run.Golden["mid.goat.aux"].ToFloat32(), task = run.Golden["mid.goat.task_loss"].ToFloat32();

        // The weight without its experts: float32 keeps 6e-8 of each element.
        run.RequireNear([(run.Model.Adapters[0].Weight.View<float>().ToArray(), "mid.goat.layer0.residual")], 1e-6);
        for (int step = 0; step < run.Steps; step++)
        {
            StepReport report = run.Step(step);
            Assert.Equal(1e-3 * aux[step], report.AdapterLoss, 5e-6 * 1e-3 * aux[step]);
            Assert.Equal(task[step], report.Loss - report.AdapterLoss, 5e-6 * task[step]);
        }

        RequireSavedMovement(run);
    }

    /// <summary>
    /// The start is our own decomposition of the weight, the router's apart: to the signs and to the last digits of float32.
    /// </summary>
    [SharedFact]
    public void Goat_starts_from_the_segments_that_pytorch_starts_from()
    {
        using var run = new GoldenRun(
            "cpu", GoldenFiles.Related("goat"), LossAverage.Batches, (settings, _) => GoldenRun.MethodOf(settings));
        foreach ((string name, float[] values) in run.SavedAdapter()
            .Where(pair => pair.Key.Contains(".lora_", StringComparison.Ordinal) && !IsDrawn(pair.Key)))
        {
            float[] expected = run.Golden[$"init.{name}"].ToFloat32();
            float largest = expected.Max(Math.Abs);
            Assert.All(values.Zip(expected), pair => Assert.Equal(pair.Second, pair.First, 1e-6 * largest));
        }

        static bool IsDrawn(string name) =>
            name.Contains("gating", StringComparison.Ordinal) || name.Contains("start", StringComparison.Ordinal);
    }

    [SharedTheory]
    [MemberData(nameof(Devices))]
    public void Effilora_with_one_a_learns_as_pytorch(string deviceName)
    {
        using var start = new StartFile("init.");
        using var run = new GoldenRun(
            deviceName, GoldenFiles.Related("effilora"), LossAverage.Batches,
            (settings, golden) => ((EffiLora)GoldenRun.SettingsOf(settings) with { Init = start.Write(golden) }).CreatePlugIn());
        for (int step = 0; step < run.Steps; step++)
        {
            run.Step(step);
            if (step == 0)
            {
                run.RequireNear([(run.Model.Adapters[0].A.Gradient!.View<float>().ToArray(), "mid.effilora.step0.grad_A")], 2e-5);
            }
        }

        RequireSavedMovement(run);
        run.RequireNear([(run.Logits(0), "mid.effilora.final_logits_inference.batch0")], 1e-5);
    }

    public static TheoryData<string> Devices => TestDevices.QuickNames;

    /// <summary>Holds the adapter's file against the golden's end: every tensor that the golden has.</summary>
    private static void RequireSavedMovement(GoldenRun run)
    {
        IReadOnlyDictionary<string, float[]> saved = run.SavedAdapter();
        string[] names = [.. run.Golden.Tensors.Select(tensor => tensor.Name)
            .Where(name => name.StartsWith("final.", StringComparison.Ordinal)).Select(name => name["final.".Length..])];
        Assert.NotEmpty(names);
        run.RequireMovement(names.Select(name => ($"final.{name}", saved[name], run.Golden[$"init.{name}"].ToFloat32())));
    }

    private sealed class RecordingBeamLora(BeamLora settings) : BeamLoraMethod(settings)
    {
        public List<(double[][] Importance, IReadOnlyList<PrunedRank> Pruned)> Prunings { get; } = [];

        protected override void OnPruned(double[][] importance, IReadOnlyList<PrunedRank> pruned) => Prunings.Add((importance, pruned));
    }
}
