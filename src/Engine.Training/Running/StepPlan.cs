using System.Text.Json.Nodes;
using Engine.Common;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Optim;
using Engine.Training.Configuration;
using Engine.Training.Federated;
using Engine.Training.Incremental;

namespace Engine.Training.Running;

/// <summary>What a run's steps are: how many, what each trains on, its learning rate, and where epochs end.</summary>
internal abstract class StepPlan
{
    /// <summary>Steps of the run, and epochs where they are of one length.</summary>
    public abstract RunLength Length { get; }

    /// <summary>The most updates of the weights from one start of the optimizer to the next.</summary>
    public virtual int LongestSteps => Length.TotalSteps;

    /// <summary>The shapes, each once, of every evaluation.</summary>
    public abstract IReadOnlyCollection<BatchShape> EvaluationShapes { get; }

    /// <summary>What a user should know of it; null for nothing.</summary>
    public virtual string? Note => null;

    /// <summary>The plan of a run: rounds of clients, tasks one after another, or passes over the rows.</summary>
    /// <exception cref="ConfigurationException">The run's tasks do not fit the data's classes.</exception>
    /// <exception cref="DataFileException">The data does not reach for the run's clients or tasks.</exception>
    public static StepPlan Of(RunConfiguration run, RunData data) =>
        run.Federated is { } federated ? new FederatedRounds(run, federated, data)
        : run.Tasks is { } tasks ? TaskSequence.Of(run, tasks, data)
        : new EpochPlan(run, data);

    /// <summary>The shapes, each once, of every training batch of the run, or of its rows one by one.</summary>
    public abstract IReadOnlyCollection<BatchShape> TrainingShapes(Architecture architecture, bool bySample);

    /// <summary>Refuses a method that cannot be trained by this plan.</summary>
    /// <exception cref="ConfigurationException">Which method, and what to choose instead.</exception>
    public virtual void Require(RunConfiguration run, TrainingSession session)
    {
    }

    /// <summary>The learning rate of a step, from 0.</summary>
    public abstract double RateAt(long step);

    /// <summary>Epochs passed after so many steps.</summary>
    public virtual double EpochsAfter(long steps) => Length.EpochsAfter(steps);

    /// <summary>Whether an epoch ends with so many steps.</summary>
    public virtual bool EndsEpoch(long steps) => steps % Length.StepsPerEpoch == 0;

    /// <summary>Takes a step.</summary>
    /// <exception cref="OperationCanceledException">Cancelled within it; the weights are those before.</exception>
    public abstract StepReport Take(TrainingSession session, long step, CancellationToken cancellationToken);

    /// <summary>Adds to a step's line what is of this plan alone.</summary>
    public virtual void AddTo(JsonObject line, long step)
    {
    }
}
