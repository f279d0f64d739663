using System.Text.Json.Nodes;
using Engine.Common;
using Engine.Devices;
using Engine.Devices.Cpu;
using Engine.Optim;
using Engine.Training.Configuration;
using Engine.Training.Running;

namespace Engine.Training.Tests.Running;

/// <summary>
/// What a run does to the folder it writes: whose files it removes, when an earlier result gives way, who else may write there.
/// </summary>
public sealed class RunOutputTests : IDisposable
{
    private readonly TinyRun tiny = new();

    public void Dispose() => tiny.Dispose();

    /// <summary>The second stage into the first one's folder, and every other input that lies where the run writes.</summary>
    [Theory]
    [InlineData("model: a/model", "model")]
    [InlineData("model: ./a/../a/model/", "model")]
    [InlineData("model: link", "model")]
    [InlineData("model: up/a/model", "model")]
    [InlineData("model: linked-files", "linked-files")]
    [InlineData("model: a/model\noutput: up/a/", "model")]
    [InlineData("model: a/model\nadapter: {r: 2, modules_to_save: [classifier]}", "model")]
    [InlineData("model: a", "the model's own folder")]
    [InlineData("adapter: {init: b/adapter}\noutput: b", "adapter.init")]
    [InlineData("adapter: {init: b/checkpoint-3/adapter}\noutput: b", "adapter.init")]
    [InlineData("train: a/model/train.tsv", "data.train")]
    [InlineData("train: a/metrics.jsonl", "data.train")]
    [InlineData("validation: a/checkpoint-3/dev.tsv", "data.validation")]
    [InlineData("train: train-link.tsv", "data.train")]
    public void An_output_in_which_the_run_would_lose_an_input_is_refused(string changes, string expected)
    {
        Train(Full("a"));
        Train(tiny.WriteRun("b", "max_steps: 4"));
        File.Copy(tiny.File("train.tsv"), tiny.File("a/model/train.tsv"));
        File.Copy(tiny.File("dev.tsv"), tiny.File("a/checkpoint-3/dev.tsv"));
        Directory.CreateSymbolicLink(tiny.File("link"), tiny.File("a/model"));
        Directory.CreateSymbolicLink(tiny.File("up"), tiny.Folder);
        File.CreateSymbolicLink(tiny.File("train-link.tsv"), tiny.File("a/model/train.tsv"));
        Directory.CreateDirectory(tiny.File("linked-files"));
        foreach (string file in Directory.GetFiles(tiny.File("a/model")))
        {
            File.CreateSymbolicLink(Path.Combine(tiny.File("linked-files"), Path.GetFileName(file)), file);
        }

        string[] before = Contents();
        string run = Full("a");
        string text = File.ReadAllText(run);
        foreach (string change in changes.Split('\n'))
        {
            string key = change.Split(": ")[0], value = change[(key.Length + 2)..];
            text = key is "train" or "validation"
                ? text.Replace($"{key}: {(key == "train" ? "train" : "dev")}.tsv", $"{key}: {value}", StringComparison.Ordinal)
                    : string.Join(
                        '\n', text.Split('\n').Where(line => !line.StartsWith(key + ":", StringComparison.Ordinal)).Append(change));
        }

        File.WriteAllText(run, text);
        var error = Assert.Throws<ConfigurationException>(() => Train(run, new TrainerOptions { Overwrite = true }));
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.StartsWith("output: ", error.Message, StringComparison.Ordinal);
        Assert.Equal(before, Contents());
    }

    /// <summary>A base model beside the output of an adapter is touched by nothing.</summary>
    [Fact]
    public void A_model_in_the_output_that_the_run_does_not_write_is_read_and_left()
    {
        string run = tiny.WriteRun("run");
        File.WriteAllText(run, File.ReadAllText(run).Replace("output: run", "output: .", StringComparison.Ordinal));
        TrainingOutcome outcome = Train(run);
        Assert.Equal(tiny.File("adapter"), outcome.WeightsFolder);
        Assert.True(File.Exists(tiny.File("model/vocab.json")));
        Train(run, new TrainerOptions { Overwrite = true });
        Assert.True(File.Exists(tiny.File("model/vocab.json")));
        Assert.Equal(
            ["adapter_config.json", "adapter_model.safetensors"],
            Directory.GetFiles(tiny.File("adapter")).Select(Path.GetFileName).Order());
    }

    [Fact]
    public void Files_that_no_run_recorded_stay_where_they_are()
    {
        string run = tiny.WriteRun("run", "save_total_limit: 1");
        string[] foreign = ["run/adapter/notes.txt", "run/checkpoint-3/notes.txt", "run/checkpoint-77/state.bin",
            "run/model/model.safetensors", "run/best.txt"];
        WriteForeign("run/checkpoint-77/state.bin", "run/model/model.safetensors", "run/best.txt");
        Assert.Contains(
            "no checkpoint to resume from; start without resuming",
            Assert.Throws<TrainingException>(() => Train(run, new TrainerOptions { Resume = true })).Message, StringComparison.Ordinal);
        Train(run);
        Assert.Equal(["checkpoint-77", "checkpoint-9"], Checkpoints());
        WriteForeign("run/adapter/notes.txt", "run/checkpoint-9/notes.txt", "run/checkpoint-3/notes.txt");
        Train(tiny.WriteRun("run", "save_total_limit: 1\nsave_strategy: no"), new TrainerOptions { Overwrite = true });
        Assert.All(foreign.Append("run/checkpoint-9/notes.txt"), name => Assert.Equal("foreign", File.ReadAllText(tiny.File(name))));
        Assert.Equal(
            ["notes.txt"], Directory.GetFiles(tiny.File("run/checkpoint-9"), "*", SearchOption.AllDirectories).Select(Path.GetFileName));
        Assert.False(Directory.Exists(tiny.File("run/replacement")));

        string[] Checkpoints() =>
            [.. Directory.GetDirectories(tiny.File("run"), "checkpoint-*")
                .Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal)];
    }

    [Theory]
    [InlineData("config.yaml")]
    [InlineData("summary.json")]
    [InlineData("adapter/adapter_model.safetensors")]
    [InlineData("checkpoint-3/training_state.json")]
    [InlineData("manifest.json")]
    public void A_file_of_somebody_else_is_not_written_over_even_where_overwriting_is_asked_for(string name)
    {
        WriteForeign($"run/{name}");
        var error = Assert.Throws<TrainingException>(() => Train(tiny.WriteRun("run"), new TrainerOptions { Overwrite = true }));
        Assert.Contains(name, error.Message, StringComparison.Ordinal);
        Assert.Equal("foreign", File.ReadAllText(tiny.File($"run/{name}")));
        Assert.Single(Directory.GetFiles(tiny.File("run"), "*", SearchOption.AllDirectories));
    }

    /// <summary>Before data is read: it may be gone.</summary>
    [Fact]
    public void A_finished_run_is_refused_before_anything_is_read_and_gives_way_when_that_is_said()
    {
        string run = tiny.WriteRun("run");
        Train(run);
        string[] before = Contents();
        foreach (string gone in (string[])["train.tsv", "model"])
        {
            Directory.Move(tiny.File(gone), tiny.File(gone + "-gone"));
        }

        string message = Assert.Throws<TrainingException>(() => Train(run)).Message;
        Assert.Contains($"{tiny.File("run")} holds a finished run", message, StringComparison.Ordinal);
        Assert.Contains("give way (overwrite_output_dir: true)", message, StringComparison.Ordinal);
        message = Assert.Throws<TrainingException>(() => Train(run, new TrainerOptions { Resume = true })).Message;
        Assert.Contains("holds a finished run: nothing is left to go on with", message, StringComparison.Ordinal);
        Assert.Throws<ConfigurationException>(() => Train(run, new TrainerOptions { Resume = true, Overwrite = true }));
        foreach (string gone in (string[])["train.tsv", "model"])
        {
            Directory.Move(tiny.File(gone + "-gone"), tiny.File(gone));
        }

        Assert.Equal(before, Contents());
        string other = tiny.WriteRun("run", "max_steps: 2\noverwrite_output_dir: true");
        Assert.Equal(2, Train(other).Steps);
        Assert.Equal(2, JsonNode.Parse(File.ReadAllText(tiny.File("run/summary.json")))!["steps"]!.GetValue<int>());
        Assert.False(Directory.Exists(tiny.File("run/checkpoint-3")));
    }

    [Fact]
    public void An_earlier_result_is_whole_until_the_run_that_takes_its_place_is_finished()
    {
        Train(tiny.WriteRun("run", "max_steps: 4"));
        string[] names = [.. Directory.GetFiles(tiny.File("run"), "*", SearchOption.AllDirectories)
            .Where(path => !path.EndsWith("manifest.json", StringComparison.Ordinal)).Order(StringComparer.Ordinal)];
        string[] before = [.. names.Select(File.ReadAllText)];
        TrainingOutcome whole = Train(tiny.WriteRun("whole"));

        string run = tiny.WriteRun("run");
        using var cancellation = new CancellationTokenSource();
        TrainingOutcome stopped =
            Train(run, new TrainerOptions { Overwrite = true }, value => CancelAt(value, 4, cancellation), cancellation.Token);
        Assert.True(stopped.Interrupted);
        Assert.Equal(tiny.File("run/replacement/adapter"), stopped.WeightsFolder);
        Assert.Equal(before, names.Select(File.ReadAllText));
        Assert.Contains(
            "A run that was to take its place has a checkpoint at step 4", Assert.Throws<TrainingException>(() => Train(run)).Message,
            StringComparison.Ordinal);
        Assert.Throws<TrainingException>(
            () => Train(run, new TrainerOptions { Resume = true }, value => ThrowAt(value, 6, new InvalidOperationException("killed"))));
        Assert.Equal(before, names.Select(File.ReadAllText));

        TrainingOutcome resumed = Train(run, new TrainerOptions { Resume = true });
        Assert.Equal(tiny.File("run/adapter"), resumed.WeightsFolder);
        Assert.Equal(Weights(whole), Weights(resumed));
        Assert.Equal(Names("whole"), Names("run"));

        // But for the checkpoint that the interruption wrote.
        string[] Names(
            string output) => [.. Directory.GetFiles(tiny.File(output), "*", SearchOption.AllDirectories)
                .Select(path => Path.GetRelativePath(tiny.File(output), path))
                .Where(name => !name.StartsWith("checkpoint-4", StringComparison.Ordinal)).Order(StringComparer.Ordinal)];
    }

    [Fact]
    public void A_second_run_on_one_output_is_refused_while_the_first_has_it_whatever_it_is_asked_for()
    {
        string run = tiny.WriteRun("run");
        using var device = new CpuDevice();
        using (var first = new Trainer(RunConfiguration.Load(run), device))
        {
            foreach (TrainerOptions options in (TrainerOptions[])[new(), new() { Overwrite = true }, new() { Resume = true }])
            {
                string message = Assert.Throws<TrainingException>(() => Train(run, options)).Message;
                Assert.Contains($"held by process {Environment.ProcessId} on {Environment.MachineName}", message, StringComparison.Ordinal);
            }

            first.Train();
        }

        Assert.False(File.Exists(tiny.File("run/engine.lock")));
        Assert.Equal(10, Train(run, new TrainerOptions { Overwrite = true }).Steps);
    }

    [Fact]
    public void A_run_that_is_refused_lets_its_folder_go_and_leaves_none()
    {
        string run = tiny.WriteRun("run");
        File.Delete(tiny.File("train.tsv"));
        Assert.ThrowsAny<Exception>(() => Train(run));
        Assert.False(Directory.Exists(tiny.File("run")));
    }

    /// <summary>
    /// A lost device, memory, a fault of a method or of whoever listens: each says which checkpoint holds what was learned.
    /// </summary>
    [Theory]
    [MemberData(nameof(Failures))]
    public void Any_failure_in_a_step_says_which_checkpoint_to_go_on_from(Exception failure)
    {
        TrainingOutcome whole = Train(tiny.WriteRun("whole"));
        string run = tiny.WriteRun("run");
        var error = Assert.Throws<TrainingException>(() => Train(run, new TrainerOptions(), value => ThrowAt(value, 5, failure)));
        Assert.Same(failure, error.StoppedBy);
        Assert.Contains("The run stopped after step 5", error.Message, StringComparison.Ordinal);
        Assert.Contains(failure.Message.TrimEnd('.'), error.Message, StringComparison.Ordinal);
        Assert.Contains(
            $"{tiny.File("run/checkpoint-3")}, holds the weights after step 3 and can be resumed", error.Message, StringComparison.Ordinal);
        Assert.Equal(Weights(whole), Weights(Train(run, new TrainerOptions { Resume = true })));
    }

    public static TheoryData<Exception> Failures =>
    [
        new DeviceException("cuda:0 was lost."), new DeviceLostException("cuda:0 takes no more work."),
        new OutOfMemoryException("No memory is left."),
        new IndexOutOfRangeException("A fault of a method."), new OperationCanceledException("Nobody asked for it."),
        new IOException("Broken pipe"),
    ];

    /// <summary>The failure is the step's own: what it computes with is gone.</summary>
    [Fact]
    public void A_step_that_fails_by_itself_says_which_checkpoint_to_go_on_from()
    {
        string run = tiny.WriteRun("run");
        using var device = new CpuDevice();
        using var trainer = new Trainer(RunConfiguration.Load(run), device, null, new Watch(value =>
        {
            if (value is TrainingProgress.Step { StepNumber: 5 })
            {
                device.Dispose();
            }
        }));
        var error = Assert.Throws<TrainingException>(() => trainer.Train());
        Assert.IsType<ObjectDisposedException>(error.StoppedBy);
        Assert.Contains("checkpoint-3, holds the weights after step 3", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_failure_before_the_first_checkpoint_says_that_there_is_none()
    {
        var error = Assert.Throws<TrainingException>(
            () => Train(tiny.WriteRun("run"), null, value => ThrowAt(value, 1, new DeviceException("lost"))));
        Assert.Contains("The run stopped after step 1: lost. No checkpoint was written yet.", error.Message, StringComparison.Ordinal);
        error = Assert.Throws<TrainingException>(() => Train(tiny.WriteRun("other"), null, _ => throw new DeviceException("lost")));
        Assert.Contains(
            "The run stopped before its first step was done: lost. No checkpoint was written yet.", error.Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void An_unfinished_run_without_a_checkpoint_is_not_replaced_unasked()
    {
        string run = tiny.WriteRun("run");
        Assert.Throws<TrainingException>(() => Train(run, null, value => ThrowAt(value, 2, new DeviceException("lost"))));
        string[] before = Contents();
        string message = Assert.Throws<TrainingException>(() => Train(run)).Message;
        Assert.Contains(
            $"{tiny.File("run")} holds an unfinished run that came to no checkpoint (metrics.jsonl), so that it cannot be resumed", message,
            StringComparison.Ordinal);
        Assert.Contains("give way (overwrite_output_dir: true)", message, StringComparison.Ordinal);
        message = Assert.Throws<TrainingException>(() => Train(run, new TrainerOptions { Resume = true })).Message;
        Assert.Contains(
            "holds no checkpoint to resume from; start anew in its place (overwrite_output_dir: true)", message, StringComparison.Ordinal);
        Assert.Equal(before, Contents());

        // It stays until the new one is finished.
        using var cancellation = new CancellationTokenSource();
        Assert.True(
            Train(run, new TrainerOptions { Overwrite = true }, value => CancelAt(value, 4, cancellation), cancellation.Token).Interrupted);
        Assert.Equal(2, File.ReadAllLines(tiny.File("run/metrics.jsonl")).Length);
        Assert.Equal(10, Train(run, new TrainerOptions { Resume = true }).Steps);
        Assert.Equal(10, File.ReadAllLines(tiny.File("run/metrics.jsonl")).Length);
    }

    /// <summary>The evaluation of the untrained model alone is nothing that would be lost.</summary>
    [Fact]
    public void A_run_that_failed_before_its_first_step_leaves_the_way_free()
    {
        string run = tiny.WriteRun("run");
        var error = Assert.Throws<TrainingException>(
            () => Train(run, null, value => _ = value is TrainingProgress.Evaluated ? throw new DeviceException("lost") : 0));
        Assert.Contains("before its first step was done", error.Message, StringComparison.Ordinal);
        Assert.True(File.Exists(tiny.File("run/evaluations.jsonl")));
        Assert.Equal(10, Train(run).Steps);
    }

    private static byte[] Weights(TrainingOutcome outcome) =>
        File.ReadAllBytes(Path.Combine(outcome.WeightsFolder, "adapter_model.safetensors"));

    private static void ThrowAt(TrainingProgress value, long step, Exception failure)
    {
        if (value is TrainingProgress.Step { StepNumber: var taken } && taken == step)
        {
            throw failure;
        }
    }

    private static void CancelAt(TrainingProgress value, long step, CancellationTokenSource cancellation)
    {
        if (value is TrainingProgress.Step { StepNumber: var taken } && taken == step)
        {
            cancellation.Cancel();
        }
    }

    private static TrainingOutcome Train(
        string path, TrainerOptions? options = null, Action<TrainingProgress>? watch = null, CancellationToken cancellation = default)
    {
        using var device = new CpuDevice();
        using var trainer = new Trainer(RunConfiguration.Load(path), device, options, watch is null ? null : new Watch(watch));
        return trainer.Train(cancellation);
    }

    /// <summary>A run file of full fine-tuning.</summary>
    private string Full(string output)
    {
        string path = tiny.WriteRun(output, "max_steps: 4");
        File.WriteAllLines(
            path, File.ReadAllLines(path)
                .Where(line => !line.StartsWith("method", StringComparison.Ordinal)
                    && !line.StartsWith("adapter", StringComparison.Ordinal)));
        return path;
    }

    private void WriteForeign(params string[] names)
    {
        foreach (string name in names)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(tiny.File(name))!);
            File.WriteAllText(tiny.File(name), "foreign");
        }
    }

    /// <summary>Every file but the run files, with its length and the time of its last change.</summary>
    private string[] Contents() =>
        [.. new DirectoryInfo(tiny.Folder).EnumerateFiles(
            "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint })
            .Where(file => file.Extension != ".yaml" || file.Name == "config.yaml")
                .Select(file => $"{file.FullName} {file.Length} {file.LastWriteTimeUtc:O}").Order(StringComparer.Ordinal)];

    private sealed class Watch(Action<TrainingProgress> onReport) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => onReport(value);
    }
}
