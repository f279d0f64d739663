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

namespace Engine.Training.Tests.Running;

public sealed class TrainerTests
{
    private const int Steps = 10;

    /// <summary>Containers of modules are trained whole, too.</summary>
    [Fact]
    public void A_mistyped_container_in_modules_to_save_is_answered_with_the_nearest()
    {
        using var tiny = new TinyRun();
        using var device = new CpuDevice();
        var run = RunConfiguration.Load(tiny.WriteRun("run", adapter: ", modules_to_save: [clasifier]"));
        string message = Assert.Throws<ConfigurationException>(() => new Trainer(run, device)).Message;
        Assert.StartsWith("adapter.modules_to_save: 'clasifier' matches no module; did you mean 'classifier'? Known are roberta, classifier, ", message, StringComparison.Ordinal);
        message = Assert.Throws<ConfigurationException>(() => new Trainer(RunConfiguration.Load(tiny.WriteRun("run", adapter: ", modules_to_save: [zzzzzzzz]")), device)).Message;
        Assert.Contains("'zzzzzzzz' matches no module; known are roberta, classifier, ", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_head_with_more_rows_than_names_says_where_names_are_given()
    {
        using var tiny = new TinyRun();
        string path = tiny.WriteRun("run", "max_steps: 1", adapter: "");
        File.WriteAllLines(path, File.ReadAllLines(path).Where(line => !line.StartsWith("method", StringComparison.Ordinal) && !line.StartsWith("adapter", StringComparison.Ordinal)));
        using var device = new CpuDevice();
        using (var trainer = new Trainer(RunConfiguration.Load(path), device))
        {
            trainer.Train();
        }

        string config = tiny.File("run/model/config.json");
        JsonNode labels = JsonNode.Parse(File.ReadAllText(config))!;
        labels["id2label"] = new JsonObject { ["0"] = "only" };
        labels["label2id"] = new JsonObject { ["only"] = 0 };
        File.WriteAllText(config, labels.ToJsonString());
        string message = Assert.Throws<Engine.Common.Files.ModelFileException>(() => Predictor.Open(device, tiny.File("run/model"), null)).Message;
        Assert.Contains("classifier.out_proj.weight has 2 rows, one for each class, and 1 class is named (only). Give id2label in config.json a name for each row, or num_labels", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Resumed_run_equals_uninterrupted_run_and_differs_from_a_cold_start()
    {
        using var tiny = new TinyRun();
        TrainingOutcome whole = Train(tiny.WriteRun("whole"));
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
    /// Methods with state (a remembered direction, a bandit's chances, draws, an auxiliary, two methods at once) and adapters that are more than A and B. The stop lies between
    /// LookSAM's SAM steps.
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
    [InlineData("plain", ", use_dora: true, init_lora_weights: pissa, rank_pattern: {value: 2}, alpha_pattern: {value: 6}")]
    [InlineData("{name: bi-lora, rho: 0.2}", ", use_dora: true", "dtype: float16")]
    [InlineData("{name: efm-lora, rho: 0.1}", "", "dtype: bfloat16")]
    [InlineData("{name: efm-lora, rho: 0.1, start: 2, every: 3, rise_every: 1}", "")]
    [InlineData("{name: looksam, k: 2, every: 2}", "")]
    [InlineData("{name: sl-sam, s_frac: 0.5, start: 0.3, every: 2}", "")]
    [InlineData("{name: scalora, interval: 2, L: 100}", "")]
    [InlineData("{name: scalora, eta: current}", ", use_rslora: true", "dtype: bfloat16")]
    [InlineData("{name: xgblora, kappa: 2, layers: 3}", "")]
    [InlineData("[{name: lora-plus}, {name: xgblora, boosters: 5}]", ", use_rslora: true", "dtype: float16")]
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

    /// <summary>Every line has the key, so that tables of it have the column; where a step does not know the rise, it is null.</summary>
    [Theory]
    [InlineData("{name: lora-sam, rho: 0.2}", 10)]
    [InlineData("{name: lora-sam, rho: 0.2, every: 5}", 2)]
    [InlineData("{name: flat-lora, rho: 0.2, rise_every: 3}", 4)]
    [InlineData("{name: bi-lora, rise_every: 0}", 0)]
    [InlineData("plain", null)]
    public void Every_step_of_a_perturbing_method_writes_the_rise_it_knows(string method, int? known)
    {
        using var tiny = new TinyRun();
        Train(tiny.WriteRun("run", "report_to: csv", method));
        JsonNode[] lines = [.. File.ReadAllLines(tiny.File("run/metrics.jsonl")).Select(line => JsonNode.Parse(line)!)];
        Assert.Equal(Steps, lines.Length);
        Assert.All(lines, line => Assert.Equal(known is not null, line.AsObject().ContainsKey("loss_rise")));
        Assert.Equal(known ?? 0, lines.Count(line => line["loss_rise"] is not null));
        string[] table = File.ReadAllLines(tiny.File("run/metrics.csv"));
        Assert.Equal(known is not null, table[0].Split(',').Contains("loss_rise"));
        Assert.All(table, row => Assert.Equal(table[0].Count(c => c == ','), row.Count(c => c == ',')));
    }

    /// <summary>The methods that copy between device buffers within a step: remembered gradients, samples' losses.</summary>
    [OpenClFact]
    public void A_run_with_state_resumes_to_the_bit_on_opencl()
    {
        foreach (string method in (string[])["{name: looksam, k: 3, rho: 0.2}", "{name: esam, beta: 0.5, gamma: 0.5, rho: 0.1}"])
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

        static TrainingOutcome TrainOnOpenCl(string path, TrainerOptions? options = null, IProgress<TrainingProgress>? progress = null, CancellationToken cancellation = default)
        {
            using Device device = TestDevices.Open("opencl");
            return Train(device, path, options, progress, cancellation);
        }
    }

    [Theory]
    [InlineData("bf16: true", "dtype: bfloat16", 0.02)]
    [InlineData("fp16: true", "dtype: float16", 0.005)]
    public void Products_in_16_bits_learn_what_those_in_float32_learn(string key, string storage, double tolerance)
    {
        using var tiny = new TinyRun();
        Train(tiny.WriteRun("float32", storage, "plain"));
        using var device = new CpuDevice(new CpuOptions { Threads = 2, MatrixUnits = true });
        using (var trainer = new Trainer(RunConfiguration.Load(tiny.WriteRun("rounded", $"{storage}\n{key}", "plain")), device))
        {
            trainer.Train();
        }

        // Operands are off by up to 2^-8 (float16: 2^-11) of themselves, independently; losses are means over many, of the order of 1.
        double[] expected = Losses(tiny, "float32"), actual = Losses(tiny, "rounded");
        Assert.Equal(expected.Length, actual.Length);
        Assert.NotEqual(expected, actual);
        Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, tolerance));
    }

    [Theory]
    [InlineData("dtype: bfloat16\nbf16: true", "bf16: products in bfloat16 need matrix units, and cpu")]
    [InlineData("dtype: float16\nbf16: true", "bf16: products in bfloat16 are those with frozen matrices stored in bfloat16, and these are stored in float16; set dtype: bfloat16")]
    [InlineData("dtype: float32\nfp16: true", "fp16: products in float16 are those with frozen matrices stored in float16, and these are stored in float32; set dtype: float16")]
    public void Products_in_16_bits_need_weights_of_their_type_and_matrix_units(string keys, string expected)
    {
        using var tiny = new TinyRun();
        var error = Assert.Throws<Engine.Common.ConfigurationException>(() => Train(tiny.WriteRun("refused", keys, "plain")));
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_start_of_adapters_that_is_not_made_here_is_refused_with_the_reason()
    {
        using var tiny = new TinyRun();
        var error = Assert.Throws<Engine.Common.ConfigurationException>(() => Train(tiny.WriteRun("loftq", adapter: ", init_lora_weights: loftq")));
        Assert.Contains("quantised", error.Message, StringComparison.Ordinal);
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
        Assert.Equal(65536, JsonNode.Parse(File.ReadLines(Path.Combine(tiny.Folder, "whole", "metrics.jsonl")).First())!["loss_scale"]!.GetValue<double>());
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
    public void Peak_of_device_memory_equals_the_forecast()
    {
        using var tiny = new TinyRun();
        foreach (string extra in (string[])["", "per_device_eval_batch_size: 20", "max_length: 12"])
        {
            TrainingOutcome outcome = Train(tiny.WriteRun("memory", extra), new TrainerOptions { Overwrite = true });
            Assert.Equal(outcome.ForecastBytes, outcome.PeakBytes);
        }
    }

    [Fact]
    public void An_unfinished_run_is_not_overwritten()
    {
        using var tiny = new TinyRun();
        string run = tiny.WriteRun("unfinished");
        using var cancellation = new CancellationTokenSource();
        Train(run, new TrainerOptions(), new StopAt(4, cancellation), cancellation.Token);
        var error = Assert.Throws<TrainingException>(() => Train(run));
        Assert.Contains("--resume", error.Message, StringComparison.Ordinal);
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
        Assert.Contains("the settings had 'adam_beta1: 0.9'; the settings now have 'adam_beta1: 0.8'", error.Message, StringComparison.Ordinal);
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
        Assert.Contains("the settings now have 'tf32: true'", before.Difference(RunFingerprint.Of(run with { Tf32 = true }, model)), StringComparison.Ordinal);
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
        File.WriteAllText(path, content.Contains("small", StringComparison.Ordinal) ? content.Replace("small", "large", StringComparison.Ordinal) : content + "\n");
        var error = Assert.Throws<TrainingException>(() => Train(run, new TrainerOptions { Resume = true }));
        Assert.Contains(difference, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_run_resumes_where_its_files_have_moved()
    {
        using var tiny = new TinyRun();
        TrainingOutcome whole = Train(tiny.WriteRun("whole"));
        using var cancellation = new CancellationTokenSource();
        Train(tiny.WriteRun("moved"), new TrainerOptions(), new StopAt(4, cancellation), cancellation.Token);
        foreach (string name in (string[])["train.tsv", "model"])
        {
            Directory.Move(Path.Combine(tiny.Folder, name), Path.Combine(tiny.Folder, $"moved-{name}"));
        }

        string run = tiny.WriteRun("moved");
        File.WriteAllText(run, File.ReadAllText(run).Replace("train: train", "train: moved-train", StringComparison.Ordinal).Replace("model: model", "model: moved-model", StringComparison.Ordinal));
        Assert.Equal(Bytes(whole), Bytes(Train(run, new TrainerOptions { Resume = true })));
    }

    /// <summary>The auxiliary's factors are in the checkpoint, so that the file they started from is not needed again; where it is there, it must be the same.</summary>
    [Fact]
    public void A_run_resumes_without_the_file_that_its_method_started_from_and_not_with_another()
    {
        using var tiny = new TinyRun();
        string start = Path.Combine(tiny.Folder, "auxiliary.safetensors"), moved = Path.Combine(tiny.Folder, "moved.safetensors");
        WriteAuxiliary(start, 0.01f);
        TrainingOutcome whole = Train(tiny.WriteRun("whole", method: Method(start)));
        foreach (bool gone in (bool[])[true, false])
        {
            string output = gone ? "gone" : "moved";
            using var cancellation = new CancellationTokenSource();
            Train(tiny.WriteRun(output, method: Method(start)), new TrainerOptions(), new StopAt(4, cancellation), cancellation.Token);
            File.Move(start, moved);
            Assert.Equal(Bytes(whole), Bytes(Train(tiny.WriteRun(output, method: Method(gone ? start : moved)), new TrainerOptions { Resume = true })));
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
        Assert.Contains($"{start}: tensor 'roberta.encoder.layer.0.attention.self.query.A' holds NaN at row 1, column 2", broken.Message, StringComparison.Ordinal);

        static string Method(string path) => $"{{name: bi-lora, rho: 0.2, auxiliary_rank: 2, auxiliary_init: {path}}}";

        static void WriteAuxiliary(string path, float value)
        {
            var writer = new SafetensorsWriter();
            foreach (string module in Enumerable.Range(0, 2).SelectMany(layer => new[] { "query", "value" }.Select(name => $"roberta.encoder.layer.{layer}.attention.self.{name}.A")))
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
                ? [.. File.ReadLines(path).Select(line => JsonNode.Parse(line)!).Select(line => (line["step"]!.GetValue<long>(), line["loss"]!.GetValue<double>()))]
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

    [Fact]
    public void A_label_of_the_validation_file_that_training_lacks_is_an_error_with_its_line()
    {
        using var tiny = new TinyRun();
        tiny.WriteTable("dev.tsv", [("the small heron", "animal"), ("the small rose", "plant")]);
        var error = Assert.Throws<DataFileException>(() => Train(tiny.WriteRun("labels")));
        Assert.Contains("plant", error.Message, StringComparison.Ordinal);
        Assert.Contains("3", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_metric_that_the_task_does_not_report_is_refused_before_training()
    {
        using var tiny = new TinyRun();
        tiny.WriteTable("train.tsv", [("the heron", "animal"), ("the saw", "tool"), ("the rose", "plant"), ("the small saw", "tool")]);
        var error = Assert.Throws<Engine.Common.ConfigurationException>(() => Train(tiny.WriteRun("metric", "metric_for_best_model: f1")));
        Assert.Contains("f1_macro", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_run_that_cannot_load_leaves_the_finished_one_as_it_is()
    {
        using var tiny = new TinyRun();
        string run = tiny.WriteRun("finished");
        TrainingOutcome outcome = Train(run);
        byte[] weights = Bytes(outcome);
        File.WriteAllText(Path.Combine(tiny.Folder, "model", "model.safetensors"), "not a checkpoint");
        Assert.Throws<Engine.Common.Files.ModelFileException>(() => Train(run, new TrainerOptions { Overwrite = true }));
        Assert.Equal(weights, Bytes(outcome));
        Assert.True(File.Exists(Path.Combine(tiny.Folder, "finished", "summary.json")));
    }

    [Fact]
    public void Patience_ends_a_run_and_the_best_weights_are_kept()
    {
        using var tiny = new TinyRun();

        // A loss near ln 2 cannot fall by 0.2 in every second of 20 epochs.
        string run = tiny.WriteRun(
            "patience", "num_train_epochs: 20\neval_strategy: epoch\nearly_stopping_patience: 2\nearly_stopping_threshold: 0.2\nload_best_model_at_end: true\nmetric_for_best_model: loss");
        File.WriteAllText(run, File.ReadAllText(run).Replace("num_train_epochs: 2\n", string.Empty, StringComparison.Ordinal));
        TrainingOutcome outcome = Train(run);
        Assert.True(outcome.Steps < 100, $"{outcome.Steps} steps were taken");
        double best = File.ReadLines(Path.Combine(tiny.Folder, "patience", "evaluations.jsonl"))
            .Select(line => JsonNode.Parse(line)!).Where(line => line["step"]!.GetValue<long>() > 0).Min(line => line["loss"]!.GetValue<double>());
        Assert.Equal(best, outcome.After!["loss"]);
    }

    [Fact]
    public void A_diverging_run_stops_with_the_step_and_keeps_its_checkpoints()
    {
        using var tiny = new TinyRun();
        string run = tiny.WriteRun("diverging", "adam_epsilon: 1.0e-8\nwarmup_steps: 0");
        File.WriteAllText(run, File.ReadAllText(run).Replace("learning_rate: 5.0e-3", "learning_rate: 1.0e+30", StringComparison.Ordinal));
        var error = Assert.Throws<TrainingException>(() => Train(run));
        Assert.Contains("learning_rate", error.Message, StringComparison.Ordinal);
        Assert.Contains("checkpoint-1, holds the weights after step 1", error.Message, StringComparison.Ordinal);
        using SafetensorsFile kept = SafetensorsFile.Open(Path.Combine(tiny.Folder, "diverging", "checkpoint-1", "adapter", "adapter_model.safetensors"));
        Assert.All(kept.Tensors, tensor => Assert.All(tensor.ToFloat32(), value => Assert.True(float.IsFinite(value))));
    }

    [Fact]
    public void Full_fine_tuning_writes_a_model_that_predicts_what_the_run_evaluated()
    {
        using var tiny = new TinyRun();
        string path = tiny.WriteRun("full");
        File.WriteAllLines(path, File.ReadAllLines(path).Where(line => !line.StartsWith("method", StringComparison.Ordinal) && !line.StartsWith("adapter", StringComparison.Ordinal)));
        TrainingOutcome outcome = Train(path);
        Check(outcome, outcome.WeightsFolder, null, tiny);
    }

    [Fact]
    public void An_adapter_predicts_what_the_run_evaluated()
    {
        using var tiny = new TinyRun();
        TrainingOutcome outcome = Train(tiny.WriteRun("adapted"));
        Check(outcome, Path.Combine(tiny.Folder, "model"), outcome.WeightsFolder, tiny);
    }

    /// <summary>
    /// A booster's adapter is plain LoRA of the ranks of all boosters; what ScaLoRA makes is no adapter that PEFT could read, and says so.
    /// The best weights are those of an evaluation before later merges.
    /// </summary>
    [Theory]
    [InlineData("{name: xgblora, kappa: 2}", ", use_rslora: true", "LORA", 20)]
    [InlineData("{name: xgblora, kappa: 3, layers: 2}", "", "LORA", 16)]
    [InlineData("{name: scalora, L: 400}", "", "LORA_WITH_BASE_WEIGHTS", 4)]
    public void An_adapter_whose_base_weights_were_written_predicts_what_the_run_evaluated(string method, string adapter, string kind, int rank)
    {
        using var tiny = new TinyRun();
        const string Best = "eval_strategy: steps\neval_steps: 3\nload_best_model_at_end: true\nmetric_for_best_model: loss\ngreater_is_better: true";
        foreach ((string output, string extra) in new[] { ("last", ""), ("best", Best) })
        {
            TrainingOutcome outcome = Train(tiny.WriteRun(output, extra, method, adapter));
            JsonNode config = JsonNode.Parse(File.ReadAllText(Path.Combine(outcome.WeightsFolder, "adapter_config.json")))!;
            Assert.Equal((kind, rank), (config["peft_type"]!.GetValue<string>(), config["r"]!.GetValue<int>()));
            string model = Path.Combine(tiny.Folder, "model"), merged = Path.Combine(tiny.Folder, $"{output}-merged");
            Check(outcome, model, outcome.WeightsFolder, tiny);
            AdapterMerge.Write(ModelFolder.Open(model), outcome.WeightsFolder, merged, new MergeOptions());
            Check(outcome, merged, null, tiny);
        }
    }

    [Theory]
    [InlineData("scalora", ", use_dora: true", "use_dora: false")]
    [InlineData("xgblora", ", init_lora_weights: pissa", "pissa")]
    [InlineData("{name: xgblora, layers: 5}", "", "4 layers are adapted")]
    public void Base_weights_that_cannot_take_an_adapter_are_not_written(string method, string adapter, string reason)
    {
        using var tiny = new TinyRun();
        var error = Assert.Throws<Engine.Common.ConfigurationException>(() => Train(tiny.WriteRun("refused", method: method, adapter: adapter)));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }

    /// <summary>A run may go on from what ScaLoRA left, with whatever method: the base weights go along.</summary>
    [Theory]
    [InlineData("plain")]
    [InlineData("{name: scalora, L: 50}")]
    [InlineData("{name: xgblora, kappa: 2}")]
    public void A_run_starts_from_an_adapter_that_holds_its_base_weights(string method)
    {
        using var tiny = new TinyRun();
        TrainingOutcome first = Train(tiny.WriteRun("first", method: "{name: scalora, L: 400}"));
        TrainingOutcome second = Train(tiny.WriteRun("second", method: method, adapter: ", init: first/adapter"));
        Assert.Equal(first.After!["loss"], second.Before!["loss"], 1e-5);
        Check(second, Path.Combine(tiny.Folder, "model"), second.WeightsFolder, tiny);
    }

    private static void Check(TrainingOutcome outcome, string model, string? adapter, TinyRun tiny)
    {
        using var device = new CpuDevice();
        using Predictor predictor = Predictor.Open(device, model, adapter);
        RunConfiguration run = RunConfiguration.Load(tiny.WriteRun("check"));
        EvaluationResult result = predictor.Evaluate(run.Data.ReadValidation()!, 64, 8);
        Assert.Equal(outcome.After!["accuracy"], result.Metrics["accuracy"]);
        // Batches of other sizes sum in another order.
        Assert.Equal(outcome.After!["loss"], result.Metrics["loss"], 1e-5);
    }

    private static TrainingOutcome Train(
        string path, TrainerOptions? options = null, IProgress<TrainingProgress>? progress = null, CancellationToken cancellation = default)
    {
        using var device = new CpuDevice();
        return Train(device, path, options, progress, cancellation);
    }

    private static TrainingOutcome Train(Device device, string path, TrainerOptions? options, IProgress<TrainingProgress>? progress, CancellationToken cancellation)
    {
        using var trainer = new Trainer(RunConfiguration.Load(path), device, options, progress);
        return trainer.Train(cancellation);
    }

    private static byte[] Bytes(TrainingOutcome outcome) => File.ReadAllBytes(Path.Combine(outcome.WeightsFolder, "adapter_model.safetensors"));

    /// <summary>Finds that every step had a loss of its own: two runs that compute nothing are equal to the bit, too.</summary>
    private static void RequireTrained(TinyRun tiny, string output)
    {
        double[] losses = Losses(tiny, output);
        Assert.All(losses, loss => Assert.True(loss > 0));
        Assert.Equal(losses.Length, losses.Distinct().Count());
    }

    private static double[] Losses(TinyRun tiny, string output) =>
        [.. File.ReadLines(Path.Combine(tiny.Folder, output, "metrics.jsonl")).Select(line => JsonNode.Parse(line)!["loss"]!.GetValue<double>())];

    /// <summary>Cancels when a step is taken; at 0 when steps are about to follow.</summary>
    private sealed class StopAt(long step, CancellationTokenSource cancellation) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value)
        {
            if ((value is TrainingProgress.Step { StepNumber: var taken } && taken == step) || (value is TrainingProgress.Started && step == 0))
            {
                cancellation.Cancel();
            }
        }
    }

    private sealed class KilledException : Exception;

    private sealed class KillAt(long step) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value)
        {
            if (value is TrainingProgress.Step { StepNumber: var taken } && taken == step)
            {
                throw new KilledException();
            }
        }
    }
}
