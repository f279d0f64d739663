using System.Text.Json.Nodes;
using Engine.Common;
using Engine.Devices;
using Engine.Devices.Cpu;
using Engine.Kernels.Tests;
using Engine.Model;
using Engine.Model.Batching;
using Engine.Model.Peft;
using Engine.Safetensors;
using Engine.Optim;
using Engine.Training.Configuration;
using Engine.Training.Running;
using static Engine.Training.Tests.Running.TrainerRuns;

namespace Engine.Training.Tests.Running;

/// <summary>Runs that stop and go on, to the bit, and those that may not.</summary>
public sealed class ResumeTests
{
    [Fact]
    public void Resumed_run_equals_uninterrupted_run_and_differs_from_a_cold_start()
    {
        using var tiny = new TinyRun();
        TrainingOutcome whole = Train(tiny.WriteRun("whole"));
        RequireTrained(tiny, "whole");
        Assert.Equal(Steps, whole.Steps);

        string run = tiny.WriteRun("stopped");
        using var cancellation = new CancellationTokenSource();
        TrainingOutcome stopped = Train(run, new TrainerOptions(), new StopAt(4, cancellation), cancellation.Token);
        Assert.True(stopped.Interrupted);
        Assert.Equal(4, stopped.Steps);
        TrainingOutcome resumed = Train(run, new TrainerOptions { Resume = true });

        Assert.Equal(Bytes(whole), Bytes(resumed));
        Assert.Equal(Losses(tiny, "whole"), Losses(tiny, "stopped"));
        TrainingOutcome cold = Train(tiny.WriteRun("cold", "max_steps: 6"));
        Assert.NotEqual(Bytes(whole), Bytes(cold));
    }

    /// <summary>
    /// Methods with state (a remembered direction, a bandit's chances, draws, an auxiliary, two methods at once) and adapters that are more
    /// than A and B. The stop lies between LookSAM's SAM steps.
    /// </summary>
    [Theory]
    [InlineData("{name: looksam, k: 3, rho: 0.2}", "")]
    [InlineData("{name: sl-sam, s_frac: 0.5, rho: 0.1}", "")]
    [InlineData("{name: esam, beta: 0.5, gamma: 0.5, rho: 0.1}", "")]
    [InlineData("[{name: flat-lora, rho: 0.1}, {name: nbar, mu: 2, mu_schedule: linear}]", "")]
    [InlineData("{name: fm-lora, rho: 0.1}", "")]
    [InlineData("{name: efm-lora, rho: 0.1, rho_min: 0.02, beta: 0.5}", ", init_lora_weights: gaussian")]
    [InlineData("{name: bi-lora, rho: 0.2, auxiliary_rank: 3}", ", use_dora: true")]
    [InlineData("[{name: lora-plus}, {name: bi-lora, rho: 0.2, auxiliary_optimizer: sgd, clip: per-layer}]", ", init_lora_weights: pissa")]
    [InlineData("{name: beamlora, period: 2, top_p: 0.6, threshold_end: 100}", "")]
    [InlineData("[{name: beamlora, period: 6, top_p: 0.6, threshold_end: 100, moments: code}, {name: lora-sam, rho: 0.1}]", "")]
    [InlineData("{name: goat, experts: 2, top_k: 1}", "")]
    [InlineData("{name: effilora, heads: 2, active_share: 0.5, reducer_interval: 3}", "")]
    [InlineData("plain", ", use_dora: true, init_lora_weights: pissa, rank_pattern: {value: 2}, alpha_pattern: {value: 6}")]
    [InlineData("{name: bi-lora, rho: 0.2}", ", use_dora: true", "dtype: float16")]
    [InlineData("{name: efm-lora, rho: 0.1}", "", "dtype: bfloat16")]
    [InlineData("{name: efm-lora, rho: 0.1, start: 2, every: 3, rise_every: 1}", "")]
    [InlineData("{name: looksam, k: 2, every: 2}", "")]
    [InlineData("{name: flat-lora, rho: {rise: 0.05}, rise_every: 2}", "")]
    [InlineData("{name: bi-lora, rho: {rise: 0.05, initial: 0.001}, rise_every: 2}", "")]
    [InlineData("{name: efm-lora, rho: {rise: 0.05}}", "")]
    [InlineData("{name: flat-lora-ggpo, beta: 100}", "")]
    [InlineData("{name: sl-sam, s_frac: 0.5, start: 0.3, every: 2}", "")]
    [InlineData("{name: scalora, interval: 2, L: 100}", "")]
    [InlineData("{name: scalora, eta: current}", ", use_rslora: true", "dtype: bfloat16")]
    [InlineData("{name: xgblora, kappa: 2, layers: 3}", "")]
    [InlineData("[{name: sd-lora, scalar: 0.5}, {name: lora-plus}]", ", rank_pattern: {value: 2}")]
    [InlineData("[{name: lora-plus}, {name: xgblora, boosters: 5}]", ", use_rslora: true", "dtype: float16")]
    [InlineData("[{name: flat-lora, rho: 0.1, every: 2}, {name: halora, mu: 0.1, norm: frobenius}]", ", use_dora: true")]
    [InlineData("{name: la-lora, clip: 0.3, dp_sigma: 0.5}", ", use_dora: true")]
    [InlineData("[{name: lora-plus}, {name: la-lora, optimizer: sgd}]", "", "dtype: bfloat16")]
    [InlineData("{name: la-lora, reference: code, ls_sigma: 0.5}", "")]
    public void A_run_with_state_resumes_to_the_bit(string method, string adapter, string extra = "")
    {
        using var tiny = new TinyRun();
        TrainingOutcome whole = Train(tiny.WriteRun("whole", extra, method, adapter));
        RequireTrained(tiny, "whole");
        Assert.Equal(whole.ForecastBytes, whole.PeakBytes);
        string run = tiny.WriteRun("stopped", extra, method, adapter);
        using var cancellation = new CancellationTokenSource();
        Assert.True(Train(run, new TrainerOptions(), new StopAt(4, cancellation), cancellation.Token).Interrupted);
        TrainingOutcome resumed = Train(run, new TrainerOptions { Resume = true });
        Assert.Equal(Bytes(whole), Bytes(resumed));
        Assert.Equal(Losses(tiny, "whole"), Losses(tiny, "stopped"));
    }

    /// <summary>The methods that copy between device buffers within a step: remembered gradients, samples' losses.</summary>
    [OpenClFact]
    public void A_run_with_state_resumes_to_the_bit_on_opencl()
    {
        string[] methods =
        [
            "{name: looksam, k: 3, rho: 0.2}",
            "{name: esam, beta: 0.5, gamma: 0.5, rho: 0.1}",
            "{name: beamlora, period: 2, top_p: 0.6, threshold_end: 100}",
        ];
        foreach (string method in methods)
        {
            using var tiny = new TinyRun();
            TrainingOutcome whole = TrainOnOpenCl(tiny.WriteRun("whole", method: method));
            RequireTrained(tiny, "whole");
            string run = tiny.WriteRun("stopped", method: method);
            using var cancellation = new CancellationTokenSource();
            Assert.True(TrainOnOpenCl(run, new TrainerOptions(), new StopAt(4, cancellation), cancellation.Token).Interrupted);
            Assert.Equal(Bytes(whole), Bytes(TrainOnOpenCl(run, new TrainerOptions { Resume = true })));
            Assert.Equal(Losses(tiny, "whole"), Losses(tiny, "stopped"));
        }

        static TrainingOutcome TrainOnOpenCl(
            string path, TrainerOptions? options = null, IProgress<TrainingProgress>? progress = null,
            CancellationToken cancellation = default)
        {
            using Device device = TestDevices.Open("opencl");
            return Train(device, path, options, progress, cancellation);
        }
    }

    [Fact]
    public void A_run_in_float16_goes_on_with_its_loss_scale()
    {
        using var tiny = new TinyRun();
        TrainingOutcome whole = Train(tiny.WriteRun("whole", "dtype: float16"));
        RequireTrained(tiny, "whole");
        string run = tiny.WriteRun("stopped", "dtype: float16");
        using var cancellation = new CancellationTokenSource();
        Train(run, new TrainerOptions(), new StopAt(4, cancellation), cancellation.Token);
        string state = Path.Combine(new RunFolder(Path.Combine(tiny.Folder, "stopped")).Checkpoints[0].Folder, "training_state.json");
        JsonNode scale = JsonNode.Parse(File.ReadAllText(state))!["loss_scale"]!;
        Assert.Equal(65536, scale["scale"]!.GetValue<double>());
        Assert.Equal(4, scale["good_steps"]!.GetValue<int>());
        TrainingOutcome resumed = Train(run, new TrainerOptions { Resume = true });
        Assert.Equal(Bytes(whole), Bytes(resumed));
        Assert.Equal(Losses(tiny, "whole"), Losses(tiny, "stopped"));
        Assert.Equal(
            65536,
            JsonNode.Parse(File.ReadLines(Path.Combine(tiny.Folder, "whole", "metrics.jsonl")).First())!["loss_scale"]!.GetValue<double>());
        Assert.Equal(whole.ForecastBytes, whole.PeakBytes);
    }

    [Fact]
    public void A_run_killed_between_checkpoints_goes_on_from_the_newest_and_repeats_the_lost_steps()
    {
        using var tiny = new TinyRun();
        TrainingOutcome whole = Train(tiny.WriteRun("whole"));
        RequireTrained(tiny, "whole");
        string run = tiny.WriteRun("killed");
        Assert.IsType<KilledException>(Assert.Throws<TrainingException>(() => Train(run, new TrainerOptions(), new KillAt(5))).StoppedBy);
        File.AppendAllText(Path.Combine(tiny.Folder, "killed", "metrics.jsonl"), "{\"step\": 6, \"lo");

        TrainingOutcome resumed = Train(run, new TrainerOptions { Resume = true });

        Assert.Equal(Bytes(whole), Bytes(resumed));
        Assert.Equal(Losses(tiny, "whole"), Losses(tiny, "killed"));
    }

    [Fact]
    public void An_unfinished_run_is_not_overwritten()
    {
        using var tiny = new TinyRun();
        string run = tiny.WriteRun("unfinished");
        using var cancellation = new CancellationTokenSource();
        Train(run, new TrainerOptions(), new StopAt(4, cancellation), cancellation.Token);
        var error = Assert.Throws<TrainingException>(() => Train(run));
        Assert.Contains("Continue it by resuming", error.Message, StringComparison.Ordinal);
        Assert.Equal(["Resume", "Overwrite"], error.Settings);
    }

    [Fact]
    public void Resuming_under_other_settings_is_refused()
    {
        using var tiny = new TinyRun();
        using var cancellation = new CancellationTokenSource();
        Train(tiny.WriteRun("changed"), new TrainerOptions(), new StopAt(4, cancellation), cancellation.Token);
        string changed = tiny.WriteRun("changed", "adam_beta1: 0.8");
        var error = Assert.Throws<TrainingException>(() => Train(changed, new TrainerOptions { Resume = true }));
        Assert.Contains("other settings", error.Message, StringComparison.Ordinal);
        Assert.Contains(
            "the settings had 'adam_beta1: 0.9'; the settings now have 'adam_beta1: 0.8'", error.Message, StringComparison.Ordinal);
    }

    /// <summary>As on another device, last bits may differ; TF32 changes what is computed.</summary>
    [Fact]
    public void A_run_may_go_on_with_another_library_of_products_and_not_in_tf32()
    {
        using var tiny = new TinyRun();
        RunConfiguration run = RunConfiguration.Load(tiny.WriteRun("products"));
        ModelFolder model = ModelFolder.Open(run.Model);
        var before = RunFingerprint.Of(run, model);
        Assert.Null(before.Difference(RunFingerprint.Of(run with { Products = ProductLibrary.Own }, model)));
        Assert.Contains(
            "the settings now have 'tf32: true'", before.Difference(RunFingerprint.Of(run with { Tf32 = true }, model)),
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("train.tsv", "the content of data.train has changed")]
    [InlineData("dev.tsv", "the content of data.validation has changed")]
    [InlineData("model/vocab.json", "the content of model/vocab.json has changed")]
    [InlineData("model/added_tokens.json", "model/added_tokens.json is new")]
    public void Resuming_on_other_data_or_another_model_is_refused_with_what_changed(string file, string difference)
    {
        using var tiny = new TinyRun();
        string run = tiny.WriteRun("other");
        using var cancellation = new CancellationTokenSource();
        Train(run, new TrainerOptions(), new StopAt(4, cancellation), cancellation.Token);
        string path = Path.Combine(tiny.Folder, file);
        string content = File.Exists(path) ? File.ReadAllText(path) : "{}";
        File.WriteAllText(
            path, content.Contains("small", StringComparison.Ordinal)
                ? content.Replace("small", "large", StringComparison.Ordinal)
                : content + "\n");
        var error = Assert.Throws<TrainingException>(() => Train(run, new TrainerOptions { Resume = true }));
        Assert.Contains(difference, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_run_resumes_where_its_files_have_moved()
    {
        using var tiny = new TinyRun();
        TrainingOutcome whole = Train(tiny.WriteRun("whole"));
        RequireTrained(tiny, "whole");
        using var cancellation = new CancellationTokenSource();
        Train(tiny.WriteRun("moved"), new TrainerOptions(), new StopAt(4, cancellation), cancellation.Token);
        foreach (string name in (string[])["train.tsv", "model"])
        {
            Directory.Move(Path.Combine(tiny.Folder, name), Path.Combine(tiny.Folder, $"moved-{name}"));
        }

        string run = tiny.WriteRun("moved");
        File.WriteAllText(
            run, File.ReadAllText(run).Replace("train: train", "train: moved-train", StringComparison.Ordinal)
                .Replace("model: model", "model: moved-model", StringComparison.Ordinal));
        Assert.Equal(Bytes(whole), Bytes(Train(run, new TrainerOptions { Resume = true })));
    }

    /// <summary>
    /// The auxiliary's factors are in the checkpoint, so that the file they started from is not needed again; where it is there, it must be
    /// the same.
    /// </summary>
    [Fact]
    public void A_run_resumes_without_the_file_that_its_method_started_from_and_not_with_another()
    {
        using var tiny = new TinyRun();
        string start = Path.Combine(tiny.Folder, "auxiliary.safetensors"), moved = Path.Combine(tiny.Folder, "moved.safetensors");
        WriteAuxiliary(start, 0.01f);
        TrainingOutcome whole = Train(tiny.WriteRun("whole", method: Method(start)));
        RequireTrained(tiny, "whole");
        foreach (bool gone in (bool[])[true, false])
        {
            string output = gone ? "gone" : "moved";
            using var cancellation = new CancellationTokenSource();
            Train(tiny.WriteRun(output, method: Method(start)), new TrainerOptions(), new StopAt(4, cancellation), cancellation.Token);
            File.Move(start, moved);
            Assert.Equal(
                Bytes(whole),
                Bytes(Train(tiny.WriteRun(output, method: Method(gone ? start : moved)), new TrainerOptions { Resume = true })));
            File.Move(moved, start);
        }

        using var again = new CancellationTokenSource();
        string run = tiny.WriteRun("changed", method: Method(start));
        Train(run, new TrainerOptions(), new StopAt(4, again), again.Token);
        WriteAuxiliary(start, 0.02f);
        var error = Assert.Throws<TrainingException>(() => Train(run, new TrainerOptions { Resume = true }));
        Assert.Contains("the content of method.auxiliary_init has changed", error.Message, StringComparison.Ordinal);
        WriteAuxiliary(start, float.NaN);
        var broken = Assert.Throws<Engine.Common.ConfigurationException>(() => Train(tiny.WriteRun("broken", method: Method(start))));
        Assert.Contains(
            $"{start}: tensor 'roberta.encoder.layer.0.attention.self.query.A' holds NaN at row 1, column 2", broken.Message,
            StringComparison.Ordinal);

        static string Method(string path) => $"{{name: bi-lora, rho: 0.2, auxiliary_rank: 2, auxiliary_init: {path}}}";

        static void WriteAuxiliary(string path, float value)
        {
            var writer = new SafetensorsWriter();
            foreach (string module in Enumerable.Range(0, 2)
                .SelectMany(layer => new[] { "query", "value" }.Select(name => $"roberta.encoder.layer.{layer}.attention.self.{name}.A")))
            {
                writer.Add(module, [2, 32], [.. Enumerable.Range(0, 64).Select(i => i == 34 ? value : 0.01f * (i % 7))]);
            }

            writer.Write(path);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(5)]
    public void An_interrupted_evaluation_stops_at_once_and_is_made_when_the_run_resumes(long step)
    {
        using var tiny = new TinyRun();
        TrainingOutcome whole = Train(tiny.WriteRun("whole"));
        RequireTrained(tiny, "whole");
        string run = tiny.WriteRun("evaluating");
        using var cancellation = new CancellationTokenSource();
        TrainingOutcome stopped = Train(run, new TrainerOptions(), new StopAt(step, cancellation), cancellation.Token);
        Assert.True(stopped.Interrupted);
        Assert.Equal(step, stopped.Steps);
        Assert.Equal(step == 0 ? [] : [0L], Evaluations("evaluating").Select(line => line.Step));

        TrainingOutcome resumed = Train(run, new TrainerOptions { Resume = true });
        Assert.Equal(Bytes(whole), Bytes(resumed));
        Assert.Equal(whole.Before, resumed.Before);
        Assert.Equal(Evaluations("whole"), Evaluations("evaluating"));

        IEnumerable<(long Step, double Loss)> Evaluations(string output)
        {
            string path = Path.Combine(tiny.Folder, output, "evaluations.jsonl");
            return File.Exists(path)
                ? [.. File.ReadLines(path).Select(line => JsonNode.Parse(line)!)
                    .Select(line => (line["step"]!.GetValue<long>(), line["loss"]!.GetValue<double>()))]
                : [];
        }
    }

    [Fact]
    public void Resuming_without_a_checkpoint_says_so()
    {
        using var tiny = new TinyRun();
        string run = tiny.WriteRun("none");
        Assert.Throws<TrainingException>(() => Train(run, new TrainerOptions { Resume = true }));
    }
}
