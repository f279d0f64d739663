using System.Text.Json.Nodes;
using Engine.Common;
using Engine.Common.Keys;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Optim;
using Engine.Optim.Schedules;
using Engine.Training.Configuration;
using Engine.Training.Data;
using Engine.Training.Metrics;
using Engine.Training.Running;

namespace Engine.Training.Incremental;

/// <summary>A task of class-incremental training.</summary>
/// <param name="Classes">Its classes, by their numbers.</param>
/// <param name="Batches">The training rows of these.</param>
/// <param name="Length">Its steps.</param>
/// <param name="FirstStep">Steps of the tasks before it.</param>
/// <param name="Schedule">The learning rate of its steps.</param>
/// <param name="Seen">The validation rows of its classes and of those of the tasks before.</param>
internal sealed record ClassTask(
    IReadOnlyList<int> Classes, SampledBatches Batches, RunLength Length, long FirstStep, LearningRateSchedule Schedule, Evaluator Seen);

/// <summary>
/// The tasks of a class-incremental run, one after another on one session: each trains on its own classes' rows, with its own schedule and
/// a fresh optimizer, and evaluations tell all classes apart that have been trained so far.
/// </summary>
internal sealed class TaskSequence : StepPlan
{
    private readonly IReadOnlyList<string> names;

    private TaskSequence(IReadOnlyList<string> names, IReadOnlyList<ClassTask> all)
    {
        this.names = names;
        All = all;
    }

    public IReadOnlyList<ClassTask> All { get; }

    /// <summary>The labels of each task's classes.</summary>
    public IReadOnlyList<IReadOnlyList<string>> Classes =>
        [.. All.Select(task => (IReadOnlyList<string>)[.. task.Classes.Select(one => names[one])])];

    /// <summary>Steps of the run; an epoch is not one length for all tasks, so steps are counted alone.</summary>
    public override RunLength Length =>
        new(MicroBatchesPerEpoch: 1, Accumulation: 1, checked((int)(All[^1].FirstStep + All[^1].Length.TotalSteps)));

    /// <summary>Steps of the longest task.</summary>
    public override int LongestSteps => All.Max(task => task.Length.TotalSteps);

    public override IReadOnlyCollection<BatchShape> EvaluationShapes => All.SelectMany(task => task.Seen.Shapes).ToHashSet();

    public override string Note => $"{All.Count} tasks, one after another: "
        + string.Join("; ", All.Zip(Classes).Select((task, number) => FormattableString.Invariant(
            $"task {number + 1} ({string.Join(", ", task.Second)}) has {task.First.Batches.Count:N0} rows and ")
            + FormattableString.Invariant($"{task.First.Length.TotalSteps:N0} steps")))
        + ".";

    /// <summary>Deals rows out to the tasks that have their classes.</summary>
    /// <exception cref="ConfigurationException">The tasks do not fit the data's classes.</exception>
    /// <exception cref="DataFileException">A task has no rows.</exception>
    public static TaskSequence Of(RunConfiguration run, ClassTasks tasks, RunData data)
    {
        IReadOnlyList<string> names = data.Architecture.ModelConfig.Labels.Names;
        var train = (SampledBatches)data.Train;
        Evaluator validation = data.Validation!;
        var all = new List<ClassTask>();
        var seen = new HashSet<int>();
        long first = 0;
        foreach (IReadOnlyList<int> classes in tasks.Of(names))
        {
            seen.UnionWith(classes);
            string which = $"of the classes of task {all.Count + 1} ({string.Join(", ", classes.Select(one => names[one]))})";
            SampledBatches batches = train.Part(RowsOf(train.ClassLabels!, classes, train.Origin, $"to train on is {which}"));
            RunLength length = RunLength.Of(run, batches);
            int[] evaluated = RowsOf(validation.ClassLabels!, seen, validation.Origin, $"to evaluate on is {which}");
            all.Add(new ClassTask(classes, batches, length, first, run.CreateSchedule(length.TotalSteps), validation.Part(evaluated)));
            first += length.TotalSteps;
        }

        return new TaskSequence(names, all);
    }

    public override IReadOnlyCollection<BatchShape> TrainingShapes(Architecture architecture, bool bySample) =>
        All.SelectMany(task => task.Batches.Shapes(architecture, task.Length.TotalMicroBatches, bySample)).ToHashSet();

    public override void Require(RunConfiguration run, TrainingSession session)
    {
        if (!session.TakesTasks)
        {
            throw new ConfigurationException(
                $"{Setting.Of("tasks")}: method {run.Method?.Name} keeps numbers from one step to the next, or changes base weights, and "
                + "the optimizer of each task starts anew; choose sd-lora, or a method that keeps none, or leave it out.");
        }
    }

    /// <summary>The number of the task that a step belongs to, from 0.</summary>
    public int TaskOf(long step)
    {
        int task = All.Count - 1;
        while (All[task].FirstStep > step)
        {
            task--;
        }

        return task;
    }

    public override double RateAt(long step) => At(step).Schedule.RateAt((int)(step - At(step).FirstStep));

    /// <summary>Takes a step, after beginning its task where the session is not in that yet.</summary>
    public override StepReport Take(TrainingSession session, long step, CancellationToken cancellationToken)
    {
        int number = TaskOf(step);
        ClassTask task = All[number];
        if (session.Task != number)
        {
            session.BeginTask(number, [.. task.Classes], task.Length.TotalSteps, task.FirstStep);
        }

        return session.Step(task.Batches.Step(task.Length, step - task.FirstStep), RateAt(step), task.Batches.Origin);
    }

    public override void AddTo(JsonObject line, long step) => line["task"] = TaskOf(step) + 1;

    /// <summary>Goes on within a task from a checkpoint.</summary>
    /// <param name="number">The task, from 0; -1 for a run that had not begun its first.</param>
    public void Resume(TrainingSession session, int number)
    {
        if (number < 0)
        {
            return;
        }

        ClassTask task = All[number];
        session.ResumeTask(number, [.. task.Classes], task.Length.TotalSteps, task.FirstStep);
    }

    /// <summary>Whether a task ends with so many steps of the run.</summary>
    public bool EndsTask(long steps) => All.Any(task => task.FirstStep + task.Length.TotalSteps == steps);

    /// <summary>Whether an epoch of a task ends with so many steps of the run.</summary>
    public override bool EndsEpoch(long steps) => EndsTask(steps) || (steps - At(steps).FirstStep) % At(steps).Length.StepsPerEpoch == 0;

    /// <summary>Epochs after so many steps, those of the earlier tasks included.</summary>
    public override double EpochsAfter(long steps) =>
        All.Sum(task => task.Length.EpochsAfter(Math.Clamp(steps - task.FirstStep, 0, task.Length.TotalSteps)));

    /// <summary>
    /// Evaluates all classes trained so far, every text being one of these: the largest of their logits counts, and the loss is theirs.
    /// </summary>
    /// <param name="step">A step of the last task trained.</param>
    /// <param name="earlier">What was found after the tasks before it.</param>
    public (TaskAccuracy Accuracy, IReadOnlyDictionary<string, double> Metrics) Evaluate(
        BatchRun run, long step, IReadOnlyList<TaskAccuracy> earlier, CancellationToken cancellationToken)
    {
        int last = TaskOf(step);
        Evaluator validation = All[last].Seen;
        IReadOnlyList<int>[] seen = [.. All.Take(last + 1).Select(task => task.Classes)];
        var found = SeenClasses.Measure(validation.ClassLabels!, validation.Predict(run, cancellationToken), names.Count, seen);
        var accuracy = new TaskAccuracy(found.Metrics["accuracy"], found.OfTasks);
        found.Metrics["average_accuracy"] = TaskAccuracies.Mean(found.OfTasks);
        found.Metrics["forgetting"] = TaskAccuracies.ForgettingOf([.. earlier.Take(last).Select(after => after.OfTasks), found.OfTasks]);
        for (int task = 0; task < All.Count; task++)
        {
            found.Metrics[$"accuracy_task_{task + 1}"] = task <= last ? found.OfTasks[task] : double.NaN;
        }

        return (accuracy, found.Metrics);
    }

    private ClassTask At(long step) => All[TaskOf(step)];

    private static int[] RowsOf(IReadOnlyList<int> labels, IReadOnlyCollection<int> classes, string origin, string what)
    {
        var wanted = classes.ToHashSet();
        int[] rows = [.. Enumerable.Range(0, labels.Count).Where(row => wanted.Contains(labels[row]))];
        return rows.Length > 0 ? rows : throw new DataFileException(origin, $"no row {what}.");
    }
}
