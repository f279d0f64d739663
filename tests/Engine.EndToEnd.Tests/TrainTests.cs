using System.Text.Json.Nodes;

namespace Engine.EndToEnd.Tests;

/// <summary><c>engine train</c> and what works on its results, on a run made for these tests.</summary>
public sealed class TrainTests
{
    [Fact]
    public void Run_is_trained_evaluated_predicted_with_and_inspected()
    {
        using SmallRun run = new();
        EngineResult trained = EngineProcess.Run("train", run.RunFile, "--profile").Succeeded();
        Assert.StartsWith("device: cpu", trained.Output, StringComparison.Ordinal);
        Assert.Contains("step 10/60", trained.Output, StringComparison.Ordinal);
        Assert.Contains("tokens/s", trained.Output, StringComparison.Ordinal);
        Assert.Contains("before", trained.Output, StringComparison.Ordinal);
        Assert.Contains("ms per call", trained.Output, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', trained.Output);

        JsonNode summary = JsonNode.Parse(File.ReadAllText(run.File("run/summary.json")))!;
        Assert.Equal(summary["forecast_device_bytes"]!.GetValue<long>(), summary["peak_device_bytes"]!.GetValue<long>());
        double accuracy = summary["metrics"]!["accuracy"]!.GetValue<double>();
        Assert.True(accuracy >= 0.95, $"accuracy is {accuracy}; the label is one word of the text");
        Assert.Equal(60, File.ReadAllLines(run.File("run/metrics.jsonl")).Length);

        JsonNode evaluated = JsonNode.Parse(EngineProcess.Run("eval", run.File("run"), "--json").Succeeded().Output)!;
        Assert.Equal(accuracy, evaluated["accuracy"]!.GetValue<double>());
        Assert.Equal(
            accuracy,
            JsonNode.Parse(
                EngineProcess.Run(
                    "eval", run.File("run/model"), "--data", run.File("dev.tsv"), "--text", "sentence", "--label", "label", "--json")
                        .Succeeded().Output)!["accuracy"]!
                .GetValue<double>());

        string[] predicted =
            EngineProcess.RunWithInput("a dog hates the soup\nmy friend loves this book\n", "predict", run.RunFile).Succeeded().OutputLines;
        Assert.Equal(["bad", "good"], predicted.Select(line => line.Split('\t')[0]));
        Assert.Equal("my friend loves this book", predicted[1].Split('\t')[2]);
        JsonNode prediction =
            JsonNode.Parse(EngineProcess.Run("predict", run.File("run"), "--json", "the cat loves that song").Succeeded().Output)!;
        Assert.Equal("good", prediction["label"]!.GetValue<string>());
        Assert.Equal(1, prediction["probabilities"]!.AsObject().Sum(entry => entry.Value!.GetValue<double>()), 6);
        Assert.Equal(prediction["probability"]!.GetValue<double>(), prediction["probabilities"]!["good"]!.GetValue<double>());

        Assert.Contains("finished", EngineProcess.Run("inspect", run.File("run")).Succeeded().Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Adapter_run_over_a_model_without_weights_predicts_what_it_learned()
    {
        using SmallRun run = new();
        EngineProcess.Run(
            "train", run.RunFile, "--set", "adapter.r=4", "--set", "adapter.modules_to_save=[classifier]", "--set", "num_train_epochs=2")
                .Succeeded();
        JsonNode summary = JsonNode.Parse(File.ReadAllText(run.File("run/summary.json")))!;
        JsonNode evaluated = JsonNode.Parse(EngineProcess.Run("eval", run.File("run"), "--json").Succeeded().Output)!;
        Assert.Equal(summary["metrics"]!["loss"]!.GetValue<double>(), evaluated["loss"]!.GetValue<double>(), 6);
        Assert.Contains("saved whole", EngineProcess.Run("inspect", run.File("run/adapter")).Succeeded().Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Estimate_is_what_training_takes_and_writes_nothing()
    {
        using SmallRun run = new();
        string estimated = EngineProcess.Run("estimate", run.RunFile).Succeeded().Output;
        Assert.False(Directory.Exists(run.File("run")));
        EngineProcess.Run("train", run.RunFile, "--set", "max_steps=2", "--set", "eval_strategy=no").Succeeded();
        EngineProcess.Run("estimate", run.RunFile, "--set", "per_device_train_batch_size=8").Succeeded();
        string checkpointed = EngineProcess.Run("estimate", run.RunFile, "--set", "gradient_checkpointing=true").Succeeded().Output;
        Assert.Contains("gradient_checkpointing is off", estimated, StringComparison.Ordinal);
        Assert.Contains("gradient_checkpointing is on", checkpointed, StringComparison.Ordinal);
        foreach (string owner in (string[])["arena", "trainable", "gradients", "optimizer"])
        {
            Assert.Contains(owner, estimated, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("learning_rat=1", "learning_rate")]
    [InlineData("model=absent", "absent")]
    [InlineData("data.train=absent.tsv", "absent.tsv")]
    [InlineData("data.text=sentense", "sentence")]
    [InlineData("data.labels=[good, ugly]", "bad")]
    [InlineData("device=opencl:77", "opencl:77")]
    [InlineData("max_length=2000", "2000")]
    public void Wrong_settings_are_refused_with_a_sentence(string setting, string expected)
    {
        using SmallRun run = new();
        EngineProcess.Run("train", run.RunFile, "--set", setting).Refused(1, expected);
        Assert.False(Directory.Exists(run.File("run/checkpoint-1")));
    }

    [Fact]
    public void Data_without_rows_and_models_that_are_not_there_are_refused()
    {
        using SmallRun run = new();
        File.WriteAllText(run.File("empty.tsv"), "");
        EngineProcess.Run("train", run.RunFile, "--set", $"data.train={run.File("empty.tsv")}").Refused(1, "empty.tsv");
        EngineProcess.Run("train", run.File("absent.yaml")).Refused(1, "absent.yaml");
        EngineProcess.Run("predict", run.RunFile, "text").Refused(1, "train it first");
        EngineProcess.Run("train", run.RunFile, "--resume").Refused(1, "no checkpoint");
        EngineProcess.Run("train", run.RunFile, "--set", "output=train.tsv").Refused(1, "train.tsv", "is a file");
        EngineProcess.Run("eval", run.File("model")).Refused(1, "--data");
    }

    [Fact]
    public void A_run_finished_or_not_gives_way_only_when_that_is_asked()
    {
        using SmallRun run = new();
        string[] settings = ["--set", "max_steps=2", "--set", "save_steps=1", "--set", "eval_strategy=no"];
        EngineProcess.Run(["train", run.RunFile, .. settings]).Succeeded();
        DateTime written = File.GetLastWriteTimeUtc(run.File("run/model/model.safetensors"));
        EngineProcess.Run(["train", run.RunFile, .. settings])
            .Refused(1, $"{run.File("run")} holds a finished run", "overwrite_output_dir: true", "--overwrite");
        EngineProcess.Run(["train", run.RunFile, "--resume", .. settings]).Refused(1, "nothing is left to go on with");
        Assert.Equal(written, File.GetLastWriteTimeUtc(run.File("run/model/model.safetensors")));
        File.Delete(run.File("run/summary.json"));
        EngineProcess.Run(["train", run.RunFile, .. settings])
            .Refused(
                1, run.File("run"), "unfinished run with a checkpoint at step 1", "--resume", "--overwrite", "overwrite_output_dir: true");
        Assert.True(Directory.Exists(run.File("run/model")));
        EngineProcess.Run(["train", run.RunFile, "--overwrite", "--resume", .. settings]).Refused(1, "give one of them");
        EngineProcess.Run(["train", run.RunFile, "--overwrite", .. settings]).Succeeded();
        File.Delete(run.File("run/summary.json"));
        EngineProcess.Run(["train", run.RunFile, "--set", "overwrite_output_dir=true", "--set", "max_steps=3", "--set", "eval_strategy=no"])
            .Succeeded();
        Assert.Equal(3, JsonNode.Parse(File.ReadAllText(run.File("run/summary.json")))!["steps"]!.GetValue<int>());
        EngineProcess.Run(["train", run.RunFile, "--overwrite", "--set", "output=model", .. settings])
            .Refused(1, "output", "the model's own folder");
    }

    /// <summary>The natural second stage: what the first one learned is the start of it, and stays.</summary>
    [Fact]
    public void A_second_stage_into_the_folder_of_the_first_is_refused_and_loses_nothing()
    {
        using SmallRun run = new();
        string[] settings = ["--set", "max_steps=1", "--set", "eval_strategy=no"];
        EngineProcess.Run(["train", run.RunFile, .. settings]).Succeeded();
        string[] files = Directory.GetFiles(run.File("run/model"));
        EngineProcess.Run(["train", run.RunFile, "--overwrite", "--set", "model=run/model", .. settings])
            .Refused(1, "output: the run would replace", $"{run.File("run/model")}, which it reads (model)", "choose another output");
        Assert.Equal(files, Directory.GetFiles(run.File("run/model")));
        EngineProcess.Run(["train", run.RunFile, "--set", "model=run/model", "--set", "output=second", .. settings]).Succeeded();
        Assert.Equal(files.Select(Path.GetFileName), Directory.GetFiles(run.File("second/model")).Select(Path.GetFileName));
    }

    [Fact]
    public void What_has_learned_nothing_for_the_task_is_not_predicted_with()
    {
        using SmallRun run = new();
        File.Delete(run.File("model/model.safetensors"));
        EngineProcess.Run("predict", run.File("model"), "text").Refused(1, run.File("model"), "holds no weights");
        EngineProcess.Run("eval", run.File("model"), "--data", run.File("dev.tsv"), "--text", "sentence", "--label", "label")
            .Refused(1, "holds no weights");
        string[] pretrain = ["--set", "task=masked-lm", "--set", "data={train: train.tsv, format: text}", "--set", "max_steps=2",
            "--set", "from_scratch=true"];
        EngineProcess.Run(["train", run.RunFile, .. pretrain]).Succeeded();
        EngineProcess.Run("predict", run.File("run")).Refused(1, "language model", "engine eval");
        EngineProcess.Run("predict", run.File("run/model"), "text").Refused(1, run.File("run/model"), "classifier.dense.weight", "random");
    }

    [Fact]
    public void A_masked_language_model_is_evaluated_as_its_run_did()
    {
        using SmallRun run = new();
        string[] pretrain =
            ["--set", "task=masked-lm", "--set", "data={train: train.tsv, validation: dev.tsv, format: text}", "--set", "max_steps=2"];
        EngineProcess.Run(["train", run.RunFile, .. pretrain]).Succeeded();
        JsonNode summary = JsonNode.Parse(File.ReadAllText(run.File("run/summary.json")))!;
        JsonNode evaluated = JsonNode.Parse(EngineProcess.Run("eval", run.File("run"), "--json").Succeeded().Output)!;
        Assert.Equal(summary["metrics"]!.ToJsonString(), evaluated.ToJsonString());
    }

    [Fact]
    public void Weights_that_are_not_numbers_are_refused_and_not_called_a_diverged_run()
    {
        using SmallRun run = new();
        EngineProcess.Run("train", run.RunFile, "--set", "max_steps=1").Succeeded();
        string weights = run.File("run/model/model.safetensors");
        byte[] content = File.ReadAllBytes(weights);
        BitConverter.TryWriteBytes(content.AsSpan(content.Length - sizeof(float)), float.NaN);
        File.WriteAllBytes(weights, content);
        EngineProcess.Run("predict", run.File("run"), "text").Refused(1, "NaN", "not finite");
        EngineProcess.Run("eval", run.File("run")).Refused(1, "dev.tsv", "NaN", "not finite");
        string[] again = ["--set", $"model={run.File("run/model")}", "--set", $"output={run.File("again")}"];
        EngineProcess.Run(["train", run.RunFile, .. again]).Refused(1, "NaN", "not finite");
        EngineProcess.Run(["train", run.RunFile, "--set", "data.validation=null", .. again])
            .Refused(1, "Step 1", "before anything was learned");
    }
}
