namespace Engine.Training.Configuration;

/// <summary>How many optimizer steps a run has, counted as Transformers' Trainer does.</summary>
/// <param name="PerEpoch">Optimizer steps of an epoch; the last one averages what batches are left.</param>
/// <param name="Total">Optimizer steps of the run.</param>
public readonly record struct TrainingSteps(int PerEpoch, int Total)
{
    /// <summary>Steps for an epoch of this many batches.</summary>
    public static TrainingSteps For(RunConfiguration run, int batchesPerEpoch)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(batchesPerEpoch);
        int perEpoch = (int)(((long)batchesPerEpoch + run.GradientAccumulationSteps - 1) / run.GradientAccumulationSteps);
        double total = run.MaxSteps > 0 ? run.MaxSteps : Math.Ceiling(run.NumTrainEpochs * perEpoch);
        return total <= int.MaxValue
            ? new TrainingSteps(perEpoch, (int)total)
            : throw new Optim.ConfigurationException($"num_train_epochs is {run.NumTrainEpochs}: with {perEpoch} steps per epoch that is more than {int.MaxValue} steps.");
    }
}
