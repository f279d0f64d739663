using Engine.Devices;
using Engine.Training.Configuration;
using Engine.Training.Running;
using Microsoft.Extensions.Logging;

namespace Engine.FineTuning;

/// <summary>What a fine-tuning is started with beside its run.</summary>
public sealed record FineTuneOptions
{
    /// <summary>The device, which stays the caller's; null: the one that the run names, opened for it and the model it gives.</summary>
    public Device? Device { get; init; }

    /// <summary>Go on from the newest checkpoint in the run's output folder.</summary>
    public bool Resume { get; init; }

    /// <summary>Let a run that the output folder holds give way when this one is finished.</summary>
    public bool Overwrite { get; init; }

    /// <summary>Told of every step, evaluation and checkpoint, on the thread that trains.</summary>
    public IProgress<TrainingProgress>? Progress { get; init; }

    /// <summary>Logs steps (every <see cref="RunConfiguration.LoggingSteps"/>), evaluations, checkpoints and what a user should
    /// know.</summary>
    public ILogger? Logger { get; init; }

    internal TrainerOptions ForTrainer => new() { Resume = Resume, Overwrite = Overwrite };
}
