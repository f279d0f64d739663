using Engine.Common;
using Engine.Common.Keys;
using Engine.Optim;
using Engine.Training.Configuration;

namespace Engine.Training.Running;

/// <summary>How many steps a run has, counted as Transformers' trainer counts them.</summary>
/// <param name="MicroBatchesPerEpoch">Batches of one pass over the data.</param>
/// <param name="Accumulation">Micro-batches of one optimizer step; the last step of an epoch takes what batches are left.</param>
/// <param name="TotalSteps">Optimizer steps of the run.</param>
public sealed record RunLength(int MicroBatchesPerEpoch, int Accumulation, int TotalSteps)
{
    /// <summary>Optimizer steps of one pass over the data.</summary>
    public int StepsPerEpoch => (int)(((long)MicroBatchesPerEpoch + Accumulation - 1) / Accumulation);

    /// <summary>Micro-batches of the whole run.</summary>
    public long TotalMicroBatches => MicroBatchesIn(TotalSteps);

    /// <summary>Micro-batches of the first so many optimizer steps.</summary>
    internal long MicroBatchesIn(long steps) =>
        (steps / StepsPerEpoch * MicroBatchesPerEpoch) + Math.Min(steps % StepsPerEpoch * Accumulation, MicroBatchesPerEpoch);

    /// <summary>The length of a run over these batches.</summary>
    /// <exception cref="TrainingException">The data is used once and holds fewer batches than the run file asks for.</exception>
    internal static RunLength Of(RunConfiguration run, BatchSource source)
    {
        RunLength length = Of(source.Repeats ? run : run with { NumTrainEpochs = 1 }, source.BatchesPerEpoch);
        return source.Repeats || length.TotalSteps <= length.StepsPerEpoch
            ? length
            : throw new TrainingException(
                $"{Setting.Of("max_steps")} is {length.TotalSteps}, but {source.Origin} holds batches for {length.StepsPerEpoch} steps; "
                    + "prebatched data is used once.");
    }

    /// <summary>The length of a run whose epochs have this many batches.</summary>
    internal static RunLength Of(RunConfiguration run, int batchesPerEpoch)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(batchesPerEpoch);
        var epoch = new RunLength(batchesPerEpoch, run.GradientAccumulationSteps, 0);
        double total = run.MaxSteps > 0 ? run.MaxSteps : Math.Ceiling(run.NumTrainEpochs * epoch.StepsPerEpoch);
        return total <= int.MaxValue
            ? epoch with { TotalSteps = (int)total }
            : throw new ConfigurationException(
                $"{Setting.Of("num_train_epochs")} is {run.NumTrainEpochs}: with {epoch.StepsPerEpoch} steps per epoch that is more than "
                    + $"{int.MaxValue} "
                    + "steps.");
    }

    /// <summary>The epoch of an optimizer step, and its micro-batches in that epoch.</summary>
    internal (int Epoch, int First, int Count) MicroBatches(long step)
    {
        int first = (int)(step % StepsPerEpoch) * Accumulation;
        return ((int)(step / StepsPerEpoch), first, Math.Min(Accumulation, MicroBatchesPerEpoch - first));
    }

    /// <summary>Epochs passed after this many optimizer steps.</summary>
    public double EpochsAfter(long steps) => (double)steps / StepsPerEpoch;
}
