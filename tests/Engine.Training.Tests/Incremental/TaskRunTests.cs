using System.Text.Json.Nodes;
using Engine.Common;
using Engine.Devices.Cpu;
using Engine.Model.Batching;
using Engine.Model.Peft;
using Engine.Optim;
using Engine.Training.Configuration;
using Engine.Training.Incremental;
using Engine.Training.Metrics;
using Engine.Training.Running;
using Engine.Training.Tests.Running;

namespace Engine.Training.Tests.Incremental;

/// <summary>Class-incremental runs on a tiny model: four classes in two tasks of six steps.</summary>
public sealed class TaskRunTests : IDisposable
{
    private const int TaskSteps = 6;
    private const string Two = "tasks: [[animal, tool], [plant, stone]]";
    private const string Method = "{name: sd-lora, drop_below: 1.0e-6}";

    private readonly TinyRun tiny = new();

    public TaskRunTests()
    {
        (string Label, string[] Words)[] classes =
        [
            ("animal", ["heron", "otter", "badger"]),
            ("plant", ["fern", "moss", "alder"]),
            ("stone", ["flint", "slate", "chalk"]),
            ("tool", ["hammer", "saw", "rasp"]),
        ];
        (string, string)[] rows = [.. Enumerable.Range(0, 60).Select(i =>
        {
            (string label, string[] words) = classes[i % 4];
            string rest = string.Join(' ', Enumerable.Range(0, i % 7).Select(j => (i + j) % 3 == 0 ? "quite" : "small"));
            return ($"the {rest} {words[i / 4 % 3]} number {i}", label);
        })];
        tiny.WriteTable("train.tsv", rows[..40]);
        tiny.WriteTable("dev.tsv", rows[40..]);
    }

    public void Dispose() => tiny.Dispose();

    [Fact]
    public void A_run_of_tasks_trains_and_evaluates_them_one_after_another()
    {
        TrainingOutcome outcome = Train("run", Two);
        Assert.Equal(2 * TaskSteps, outcome.Steps);
        Assert.Equal(outcome.ForecastBytes, outcome.PeakBytes);
        Assert.Null(outcome.Before);
        TrainerRuns.RequireTrained(tiny, "run");

        JsonNode[] steps = Lines("run/metrics.jsonl");
        Assert.Equal(Enumerable.Range(0, 12).Select(step => (step / TaskSteps) + 1), steps.Select(line => line["task"]!.GetValue<int>()));
        double[] rates = [.. steps.Select(line => line["learning_rate"]!.GetValue<double>())];
        Assert.Equal(rates[..TaskSteps], rates[TaskSteps..]);
        Assert.Equal(4.0, steps[^1]["epoch"]!.GetValue<double>(), 1e-12);

        // An epoch has three steps.
        JsonNode[] evaluations = Lines("run/evaluations.jsonl");
        Assert.Equal([3, 6, 9, 12], evaluations.Select(line => line["step"]!.GetValue<int>()));
        Assert.Null(evaluations[1]["accuracy_task_2"]);
        TaskAccuracies tasks = outcome.Tasks!;
        Assert.Equal([["animal", "tool"], ["plant", "stone"]], tasks.Classes);
        Assert.Equal([1, 2], tasks.After.Select(after => after.OfTasks.Count));
        Assert.Equal(tasks.After[0].OfTasks[0], tasks.After[0].Accuracy);
        Assert.Equal(tasks.After[0].OfTasks[0] - tasks.After[1].OfTasks[0], tasks.Forgetting, 1e-12);
        Assert.Equal(tasks.Average, outcome.After!["average_accuracy"]);
        Assert.Equal(tasks.Forgetting, outcome.After["forgetting"]);
        JsonNode summary = JsonNode.Parse(File.ReadAllText(tiny.File("run/summary.json")))!;
        Assert.Equal(tasks.Forgetting, summary["tasks"]!["forgetting"]!.GetValue<double>());
        Assert.Equal(tasks.After[1].OfTasks[0], summary["tasks"]!["task_accuracies_after"]![1]![0]!.GetValue<double>());
    }

    /// <summary>The adapter is plain LoRA of both tasks' ranks, and predicts what the last evaluation found over all classes.</summary>
    [Theory]
    [InlineData("paper")]
    [InlineData("absorb")]
    [InlineData("code")]
    [InlineData("paper", ", rank_pattern: {value: 2}")]
    public void The_result_is_one_lora_adapter(string directions, string adapter = "")
    {
        TrainingOutcome outcome = Train("run", Two, $"{{name: sd-lora, directions: {directions}}}", adapter);
        AdapterConfig config = AdapterConfig.Read(outcome.WeightsFolder);
        Assert.Equal((8, 16.0), (config.Rank, config.LoraAlpha));
        Assert.Equal(
            ["adapter_config.json", "adapter_model.safetensors"],
            Directory.GetFiles(outcome.WeightsFolder).Select(file => Path.GetFileName(file)).Order());
        using var device = new CpuDevice();
        using Predictor predictor = Predictor.Open(device, tiny.File("model"), outcome.WeightsFolder);
        EvaluationResult result = predictor.Evaluate(RunConfiguration.Load(tiny.WriteRun("check")).ReadValidationExamples()!, 64, 8);
        Assert.Equal(outcome.After!["accuracy"], result.Metrics["accuracy"]);

        // Batches of other sizes sum in another order.
        Assert.Equal(outcome.After["loss"], result.Metrics["loss"], 1e-5);
    }

    /// <summary>Within each task, and where one has ended and the next has not begun.</summary>
    [Theory]
    [InlineData(4, Method)]
    [InlineData(TaskSteps, Method)]
    [InlineData(8, Method)]
    [InlineData(TaskSteps, "[{name: sd-lora, directions: code, ranks: [4, 2]}, {name: lora-sam, rho: 0.1}]")]
    [InlineData(8, "{name: flat-lora, rho: 0.1, rise_every: 0}")]
    public void A_run_of_tasks_resumes_to_the_bit(int stop, string method) => RequireResumes(stop, Two, method);

    /// <summary>Three classes of 20 rows, then two of 11: epochs of three steps, then of two.</summary>
    [Theory]
    [InlineData(TaskSteps)]
    [InlineData(7)]
    public void Unequal_tasks_have_each_their_own_steps(int stop)
    {
        (string Label, string Word)[] first = [("animal", "heron"), ("plant", "fern"), ("stone", "flint")];
        (string Label, string Word)[] second = [("tool", "saw"), ("vessel", "jug")];
        tiny.WriteTable("train.tsv", [.. Rows(20, first), .. Rows(11, second)]);
        tiny.WriteTable("dev.tsv", [.. Rows(6, first), .. Rows(4, second)]);
        RequireResumes(
            stop, "tasks: [[animal, plant, stone], [tool, vessel]]",
            "[{name: sd-lora, ranks: [4, 2]}, {name: lora-sam, rho: 0.1, start: 0.5}]");

        JsonNode[] steps = Lines("whole/metrics.jsonl");
        Assert.Equal([1, 1, 1, 1, 1, 1, 2, 2, 2, 2], steps.Select(line => line["task"]!.GetValue<int>()));
        double[] rates = [.. steps.Select(line => line["learning_rate"]!.GetValue<double>())];
        double[] shares = [1, 5 / 6.0, 4 / 6.0, 3 / 6.0, 2 / 6.0, 1 / 6.0, 1, 0.75, 0.5, 0.25];
        Assert.All(shares.Zip(rates), pair => Assert.Equal(5e-3 * pair.First, pair.Second, 1e-12));
        int[] ends = [3, 6, 8, 10];
        Assert.All(ends.Index(), end => Assert.Equal(end.Index + 1, steps[end.Item - 1]["epoch"]!.GetValue<double>(), 1e-12));
        Assert.Equal(ends, Lines("whole/evaluations.jsonl").Select(line => line["step"]!.GetValue<int>()));

        // Half of each task.
        Assert.Equal([4, 5, 6, 9, 10], Enumerable.Range(1, 10).Where(step => steps[step - 1]["loss_rise"] is not null));

        static IEnumerable<(string, string)> Rows(int count, (string Label, string Word)[] classes)
        {
            for (int i = 0; i < count; i++)
            {
                (string label, string word) = classes[i % classes.Length];
                yield return ($"the {(i % 5 < 2 ? "small" : "quite small")} {word} number {i}", label);
            }
        }
    }

    /// <summary>A step that is not finite leaves a checkpoint: the optimizer has begun the task and taken none of its steps.</summary>
    [Fact]
    public void A_task_without_a_step_has_counts_of_its_own()
    {
        var state = new TrainerState
        {
            Fingerprint = null!,
            Step = 6,
            Task = 0,
            UnlabelledSteps = 2,
            LossScale = LossScaleState.Initial with { SkippedSteps = 1 },
        };
        Assert.Equal(state, state.In(0));
        Assert.Equal(state with { Task = 1, UnlabelledSteps = 0, LossScale = LossScaleState.Initial }, state.In(1));
    }

    private void RequireResumes(int stop, string tasks, string method)
    {
        TrainingOutcome whole = Train("whole", tasks, method);
        TrainerRuns.RequireTrained(tiny, "whole");
        Assert.Equal(whole.ForecastBytes, whole.PeakBytes);
        string path = tiny.WriteRun("stopped", tasks, method);
        using var cancellation = new CancellationTokenSource();
        var stopper = new TrainerRuns.StopAt(stop, cancellation);
        Assert.True(TrainerRuns.Train(path, new TrainerOptions(), stopper, cancellation.Token).Interrupted);
        TrainingOutcome resumed = TrainerRuns.Train(path, new TrainerOptions { Resume = true });
        Assert.Equal(TrainerRuns.Bytes(whole), TrainerRuns.Bytes(resumed));
        Assert.Equal(TrainerRuns.Losses(tiny, "whole"), TrainerRuns.Losses(tiny, "stopped"));
        Assert.Equal(File.ReadAllLines(tiny.File("whole/evaluations.jsonl")), File.ReadAllLines(tiny.File("stopped/evaluations.jsonl")));
        Assert.Equal(whole.Tasks!.After.SelectMany(after => after.OfTasks), resumed.Tasks!.After.SelectMany(after => after.OfTasks));
    }

    /// <summary>Plain LoRA goes on from task to task; a number of tasks parts the classes in the labels' order.</summary>
    [Fact]
    public void A_number_of_tasks_parts_the_classes_in_their_order()
    {
        TrainingOutcome listed = Train("listed", "tasks: [[animal, plant], [stone, tool]]\neval_strategy: no", "plain");
        TrainingOutcome counted = Train("counted", "tasks: 2\neval_strategy: no", "plain");
        Assert.Equal(TrainerRuns.Bytes(listed), TrainerRuns.Bytes(counted));
        Assert.Equal([6, 12], Lines("counted/evaluations.jsonl").Select(line => line["step"]!.GetValue<int>()));
        Assert.Equal([["animal", "plant"], ["stone", "tool"]], counted.Tasks!.Classes);
    }

    [Theory]
    [InlineData("tasks: [[animal, tool], [plant, rock]]", "task 2 has the class 'rock', which is not among the data's")]
    [InlineData("tasks: [[animal, tool], [plant, animal]]", "the class 'animal' is in task 1 and in task 2")]
    [InlineData("tasks: [[animal, tool, plant]]", "'stone' is a class of the data and in no task")]
    [InlineData("tasks: [[animal, tool, plant], [stone]]", "run.yaml:15: tasks: task 2 has 1 class, and a task tells at least 2 apart")]
    [InlineData("tasks: 3", "tasks is 3, and the data has 4 classes")]
    [InlineData("tasks: 0", "expected a number of tasks, or a list with the class labels of each")]
    [InlineData("tasks: [animal, tool]", "expected a number of tasks, or a list with the class labels of each")]
    [InlineData(Two + "\nload_best_model_at_end: true", "load_best_model_at_end")]
    [InlineData(Two + "\nearly_stopping_patience: 2", "early_stopping_patience")]
    [InlineData(Two + "\nlabel_smoothing_factor: 0.1", "label_smoothing_factor")]
    [InlineData(Two + "\nfederated: {clients: 2, rounds: 2}", "a federated run has rounds, not tasks")]
    [InlineData(Two, "method looksam keeps numbers from one step to the next", "looksam")]
    [InlineData(Two, "method xgblora keeps numbers", "{name: xgblora, kappa: 2}")]
    [InlineData(Two, "raise r", "{name: sd-lora, ranks: [8]}")]
    [InlineData(Two, "init_lora_weights is 'gaussian'", "sd-lora", ", init_lora_weights: gaussian")]
    public void What_tasks_do_not_go_with_is_refused_with_the_reason(
        string extra, string reason, string method = "sd-lora", string adapter = "") => Assert.Contains(
        reason, Assert.Throws<ConfigurationException>(() => Train("run", extra, method, adapter)).Message, StringComparison.Ordinal);

    [Fact]
    public void A_task_without_rows_is_refused_by_the_file()
    {
        tiny.WriteTable("dev.tsv", [("the small heron", "animal"), ("the saw", "tool")]);
        Assert.Equal(2, Train("seen", Two, "plain").Tasks!.After[1].OfTasks.Count);
        tiny.WriteTable("dev.tsv", [("the small fern", "plant"), ("the slate", "stone")]);
        string message = Assert.Throws<DataFileException>(() => Train("run", Two)).Message;
        Assert.Contains("no row to evaluate on is of the classes of task 1 (animal, tool)", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Tasks_are_written_as_they_are_read()
    {
        RunConfiguration run = RunConfiguration.Load(tiny.WriteRun("run", "tasks: [[animal, '1'], [\"true\", stone]]", Method));
        Assert.Equal(new ClassTasks([["animal", "1"], ["true", "stone"]]), run.Tasks);
        File.WriteAllText(tiny.File("again.yaml"), run.ToYaml());
        Assert.Equal(run.Tasks, RunConfiguration.Load(tiny.File("again.yaml")).Tasks);
        Assert.Equal(run.Method, RunConfiguration.Load(tiny.File("again.yaml")).Method);
        RunConfiguration counted = RunConfiguration.Load(tiny.WriteRun("counted", "tasks: 2"));
        Assert.Equal(new ClassTasks(2), counted.Tasks);
        Assert.Contains("\ntasks: 2\n", counted.ToYaml(), StringComparison.Ordinal);
        Assert.Equal([[0, 1, 2], [3, 4]], new ClassTasks(2).Of(["a", "b", "c", "d", "e"]));
    }

    /// <summary>Earlier tasks are at 0.5 and 0.7 and have been at 0.9 and 0.8.</summary>
    [Fact]
    public void Forgetting_is_the_mean_fall_from_the_highest_accuracy_before()
    {
        var tasks = new TaskAccuracies(
            [["a", "b"], ["c", "d"], ["e", "f"]], [new(0.8, [0.8]), new(0.85, [0.9, 0.8]), new(0.6, [0.5, 0.7, 0.6])]);
        Assert.Equal((0.4 + 0.1) / 2, tasks.Forgetting, 1e-12);
        Assert.Equal(0.6, tasks.Average, 1e-12);
        Assert.Equal(0.75, tasks.Anytime, 1e-12);
        Assert.True(double.IsNaN((tasks with { After = [tasks.After[0]] }).Forgetting));
    }

    [Fact]
    public void Classes_that_are_still_to_come_are_never_predicted()
    {
        float[] logits = [1, 0, 9, 0, 2, 9, 2, 1, 9];
        var found = SeenClasses.Measure([0, 1, 1], logits, classes: 3, [[1, 0]]);
        Assert.Equal(2.0 / 3, found.Metrics["accuracy"], 1e-12);
        double[] losses = [Math.Log(1 + Math.Exp(-1)), Math.Log(1 + Math.Exp(-2)), Math.Log(1 + Math.Exp(1))];
        Assert.Equal(losses.Average(), found.Metrics["loss"], 1e-12);
        found = SeenClasses.Measure([0, 2, 1], logits, classes: 3, [[0, 1], [2]]);
        Assert.Equal([0, 1], found.OfTasks);
    }

    private TrainingOutcome Train(string output, string extra, string method = Method, string adapter = "") =>
        TrainerRuns.Train(tiny.WriteRun(output, extra, method, adapter));

    private JsonNode[] Lines(string file) => [.. File.ReadLines(tiny.File(file)).Select(line => JsonNode.Parse(line)!)];
}
