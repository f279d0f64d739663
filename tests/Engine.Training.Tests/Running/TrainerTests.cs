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

public sealed class TrainerTests
{
    /// <summary>Containers of modules are trained whole, too.</summary>
    [Fact]
    public void A_mistyped_container_in_modules_to_save_is_answered_with_the_nearest()
    {
        using var tiny = new TinyRun();
        using var device = new CpuDevice();
        var run = RunConfiguration.Load(tiny.WriteRun("run", adapter: ", modules_to_save: [clasifier]"));
        string message = Assert.Throws<ConfigurationException>(() => new Trainer(run, device)).Message;
        Assert.Matches(
            @"run\.yaml:\d+: adapter\.modules_to_save: 'clasifier' matches no module; did you mean 'classifier'\? "
                + "Known are roberta, classifier, ",
            message);
        message = Assert.Throws<ConfigurationException>(
            () => new Trainer(RunConfiguration.Load(tiny.WriteRun("run", adapter: ", modules_to_save: [zzzzzzzz]")), device)).Message;
        Assert.Contains("'zzzzzzzz' matches no module; known are roberta, classifier, ", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_head_with_more_rows_than_names_says_where_names_are_given()
    {
        using var tiny = new TinyRun();
        string path = tiny.WriteRun("run", "max_steps: 1", adapter: "");
        File.WriteAllLines(
            path, File.ReadAllLines(path)
                .Where(line => !line.StartsWith("method", StringComparison.Ordinal)
                    && !line.StartsWith("adapter", StringComparison.Ordinal)));
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
        string message =
            Assert.Throws<Engine.Common.Files.ModelFileException>(() => Predictor.Open(device, tiny.File("run/model"), null)).Message;
        Assert.Contains(
            "classifier.out_proj.weight has 2 rows, one for each class, and 1 class is named (only). "
                + "Give id2label in config.json a name for each row, or num_labels", message, StringComparison.Ordinal);
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

    [Theory]
    [Trait("Category", "Long")]
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
    [InlineData("dtype: bfloat16\nbf16: true", "bf16: products in bfloat16 are for graphics cards, and cpu")]
    [InlineData(
        "dtype: float16\nbf16: true",
        "bf16: products in bfloat16 are those with frozen matrices stored in bfloat16, and these are stored in float16; "
            + "set dtype: bfloat16")]
    [InlineData(
        "dtype: float32\nfp16: true",
        "fp16: products in float16 are those with frozen matrices stored in float16, and these are stored in float32; set dtype: float16")]
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
        var error = Assert.Throws<Engine.Common.ConfigurationException>(
            () => Train(tiny.WriteRun("loftq", adapter: ", init_lora_weights: loftq")));
        Assert.Contains("quantised", error.Message, StringComparison.Ordinal);
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
            "patience",
            "num_train_epochs: 20\neval_strategy: epoch\nearly_stopping_patience: 2\nearly_stopping_threshold: "
                + "0.2\nload_best_model_at_end: true\nmetric_for_best_model: loss");
        File.WriteAllText(run, File.ReadAllText(run).Replace("num_train_epochs: 2\n", string.Empty, StringComparison.Ordinal));
        TrainingOutcome outcome = Train(run);
        Assert.True(outcome.Steps < 100, $"{outcome.Steps} steps were taken");
        double best = File.ReadLines(Path.Combine(tiny.Folder, "patience", "evaluations.jsonl"))
            .Select(line => JsonNode.Parse(line)!).Where(line => line["step"]!.GetValue<long>() > 0)
                .Min(line => line["loss"]!.GetValue<double>());
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
        using SafetensorsFile kept =
            SafetensorsFile.Open(Path.Combine(tiny.Folder, "diverging", "checkpoint-1", "adapter", "adapter_model.safetensors"));
        Assert.All(kept.Tensors, tensor => Assert.All(tensor.ToFloat32(), value => Assert.True(float.IsFinite(value))));
    }

    [Fact]
    public void Full_fine_tuning_writes_a_model_that_predicts_what_the_run_evaluated()
    {
        using var tiny = new TinyRun();
        string path = tiny.WriteRun("full");
        File.WriteAllLines(
            path, File.ReadAllLines(path)
                .Where(line => !line.StartsWith("method", StringComparison.Ordinal)
                    && !line.StartsWith("adapter", StringComparison.Ordinal)));
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
    public void An_adapter_whose_base_weights_were_written_predicts_what_the_run_evaluated(
        string method, string adapter, string kind, int rank)
    {
        using var tiny = new TinyRun();
        const string Best =
            "eval_strategy: steps\neval_steps: 3\nload_best_model_at_end: true\nmetric_for_best_model: loss\ngreater_is_better: true";
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
        var error = Assert.Throws<Engine.Common.ConfigurationException>(
            () => Train(tiny.WriteRun("refused", method: method, adapter: adapter)));
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
        EvaluationResult result = predictor.Evaluate(run.ReadValidationExamples()!, 64, 8);
        Assert.Equal(outcome.After!["accuracy"], result.Metrics["accuracy"]);
        // Batches of other sizes sum in another order.
        Assert.Equal(outcome.After!["loss"], result.Metrics["loss"], 1e-5);
    }
}
