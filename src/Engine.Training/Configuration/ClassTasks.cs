using Engine.Common;
using Engine.Common.Keys;
using Engine.Training.Data;

namespace Engine.Training.Configuration;

/// <summary>The tasks of class-incremental training, which are trained one after another: each has classes of its own.</summary>
public sealed record ClassTasks
{
    /// <summary>A task needs two classes to tell apart.</summary>
    internal const int FewestClasses = 2;

    /// <summary>What <c>tasks</c> takes, for messages.</summary>
    internal const string Expected = "a number of tasks, or a list with the class labels of each, such as [[a, b], [c, d]]";

    /// <param name="labels">The labels of each task's classes, at least two of them; all tasks together have every class once.</param>
    /// <exception cref="ConfigurationException">A task of fewer classes, or no task.</exception>
    public ClassTasks(params IReadOnlyList<IReadOnlyList<string>> labels)
    {
        if (labels.Count == 0)
        {
            throw new ConfigurationException($"{Setting.Of("tasks")} is an empty list; expected {Expected}.");
        }

        for (int task = 0; task < labels.Count; task++)
        {
            if (labels[task].Count < FewestClasses)
            {
                throw new ConfigurationException(
                    $"{Setting.Of("tasks")}: task {task + 1} has {labels[task].Count} class{(labels[task].Count == 1 ? "" : "es")}, "
                    + $"and a task tells at least {FewestClasses} apart; put it together with another.");
            }
        }

        Labels = labels;
        Count = labels.Count;
    }

    /// <param name="count">Tasks: the classes in the order of the model's outputs (<c>data.labels</c>), in parts of like size.</param>
    /// <exception cref="ConfigurationException">No task.</exception>
    public ClassTasks(int count) =>
        Count = count > 0 ? count : throw new ConfigurationException($"{Setting.Of("tasks")} is {count}; expected {Expected}.");

    /// <summary>Tasks.</summary>
    public int Count { get; }

    /// <summary>
    /// The labels of each task's classes; null: the classes in parts of like size, the first ones larger by one where it does not come out
    /// even.
    /// </summary>
    public IReadOnlyList<IReadOnlyList<string>>? Labels { get; }

    /// <inheritdoc/>
    public bool Equals(ClassTasks? other) => other is not null && Count == other.Count && Labels is null == other.Labels is null
        && (Labels ?? []).Zip(other.Labels ?? []).All(pair => pair.First.SequenceEqual(pair.Second));

    /// <inheritdoc/>
    public override int GetHashCode() => Count;

    /// <summary>The classes of each task, by their numbers.</summary>
    /// <param name="names">Every class.</param>
    /// <exception cref="ConfigurationException">A label that is no class, a class in two tasks or in none, or too few classes.</exception>
    internal IReadOnlyList<IReadOnlyList<int>> Of(IReadOnlyList<string> names)
    {
        if (Labels is null)
        {
            (int size, int larger) = Math.DivRem(names.Count, Count);
            if (size < FewestClasses)
            {
                throw new ConfigurationException(
                    $"{Setting.Of("tasks")} is {Count}, and the data has {names.Count} classes: a task tells at least {FewestClasses} "
                    + $"apart; expected at most {names.Count / FewestClasses}.");
            }

            return [.. Enumerable.Range(0, Count).Select(task =>
                (IReadOnlyList<int>)[.. Enumerable.Range((task * size) + Math.Min(task, larger), size + (task < larger ? 1 : 0))])];
        }

        string[] keys = [.. names.Select(ClassLabel.Key)];
        int[] taskOf = [.. Enumerable.Repeat(-1, names.Count)];
        var tasks = new List<IReadOnlyList<int>>();
        foreach (IReadOnlyList<string> labels in Labels)
        {
            var classes = new List<int>();
            foreach (string label in labels)
            {
                int index = Array.IndexOf(keys, ClassLabel.Key(label));
                if (index < 0)
                {
                    throw new ConfigurationException(
                        $"{Setting.Of("tasks")}: task {tasks.Count + 1} has the class '{label}', which is not among the data's: "
                        + $"{NearestName.Hint(label, [.. names])}.");
                }

                if (taskOf[index] >= 0)
                {
                    string place = taskOf[index] == tasks.Count
                        ? $"twice in task {tasks.Count + 1}"
                        : $"in task {taskOf[index] + 1} and in task {tasks.Count + 1}";
                    throw new ConfigurationException($"{Setting.Of("tasks")}: the class '{label}' is {place}; a class belongs to one "
                        + "task.");
                }

                taskOf[index] = tasks.Count;
                classes.Add(index);
            }

            tasks.Add(classes);
        }

        string[] missing = [.. names.Where((_, index) => taskOf[index] < 0)];
        return missing.Length == 0
            ? tasks
            : throw new ConfigurationException(
                $"{Setting.Of("tasks")}: {string.Join(", ", missing.Select(name => $"'{name}'"))} "
                    + $"{(missing.Length == 1 ? "is a class" : "are classes")} "
                + $"of the data and in no task; add {(missing.Length == 1 ? "it" : "them")} to one.");
    }
}
