using Engine.Devices.Sharing;

namespace Engine.Optim;

/// <summary>Where a session goes on from: a checkpoint, the weights as another client has them, the next task.</summary>
internal sealed partial class TrainingSession
{
    /// <summary>Counts on from a checkpoint, whose tensors and <see cref="HostState"/> are filled in already.</summary>
    /// <param name="steps">Optimizer steps taken before it.</param>
    /// <param name="microBatches">Micro-batches taken before it.</param>
    /// <param name="unlabelledSteps">Steps among those that had no label.</param>
    /// <param name="lossScale">Where dynamic loss scaling stood; null without it.</param>
    /// <exception cref="InvalidOperationException">The session has taken steps of its own.</exception>
    public void ResumeAt(long steps, long microBatches, long unlabelledSteps, LossScaleState? lossScale)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(steps);
        ArgumentOutOfRangeException.ThrowIfLessThan(microBatches, steps);
        if (StepsTaken > 0)
        {
            throw new InvalidOperationException($"The session has taken {StepsTaken} steps; only a new one goes on from a checkpoint.");
        }

        if (LossScaling is { } scaling)
        {
            scaling.State = lossScale
                ?? throw new ArgumentNullException(nameof(lossScale), "Training in float16 goes on from where its loss scaling stood.");
        }

        (StepsTaken, MicroBatchesTaken, UnlabelledSteps) = (steps, microBatches, unlabelledSteps);
    }

    /// <summary>
    /// Starts anew from the weights as they stand, as another client of a federated run does: AdamW's moments are zero and steps count from
    /// 0, while dropout and noise draw on.
    /// </summary>
    /// <param name="earlierSteps">Steps that drew noise before, whoever's they were.</param>
    /// <exception cref="InvalidOperationException">The session <see cref="CarriesState"/>.</exception>
    public void Restart(long earlierSteps)
    {
        if (CarriesState)
        {
            throw new InvalidOperationException("What the method keeps from step to step cannot be started anew.");
        }

        RestartOptimizer(earlierSteps);
    }

    /// <summary>
    /// The next task of a class-incremental run, or the first: the optimizer starts anew from the weights as they stand, steps count from
    /// 0, and losses tell the task's classes apart alone.
    /// </summary>
    /// <param name="task">From 0.</param>
    /// <param name="classes">The outputs that are the task's.</param>
    /// <param name="steps">Optimizer steps of the task.</param>
    /// <param name="earlierSteps">Steps of the tasks before it.</param>
    /// <exception cref="InvalidOperationException">The method keeps numbers that are not made for tasks.</exception>
    public void BeginTask(int task, IReadOnlyCollection<int> classes, long steps, long earlierSteps)
    {
        using Turn turn = device.Turns.Take();
        using Lock.Scope use = arena.Enter();
        if (!TakesTasks)
        {
            throw new InvalidOperationException("What the method keeps from step to step is not made for tasks.");
        }

        method.BeginTask(task);
        RestartOptimizer(earlierSteps);
        (TotalSteps, Task) = (steps, task);
        loss.Write(classes);
    }

    /// <summary>Goes on within a task after <see cref="ResumeAt"/>, whose steps were the run's.</summary>
    public void ResumeTask(int task, IReadOnlyCollection<int> classes, long steps, long earlierSteps)
    {
        (StepsTaken, this.earlierSteps, TotalSteps, Task) = (StepsTaken - earlierSteps, earlierSteps, steps, task);
        loss.Write(classes);
    }

    private void RestartOptimizer(long earlierSteps)
    {
        float[] start = new float[Trainables.Count];
        Moments.First.View<float>().Write(start);
        Moments.Second.View<float>().Write(start);
        optimizer.Updates?.AsSpan().Clear();
        (StepsTaken, UnlabelledSteps, this.earlierSteps) = (0, 0, earlierSteps);
        if (LossScaling is { } scaling)
        {
            scaling.State = scaling.State with { SkippedSteps = 0 };
        }
    }
}
