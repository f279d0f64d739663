using Engine.Training.Configuration;

namespace Engine.Training.Running;

/// <summary>How many steps a run has, counted as Transformers' trainer counts them.</summary>
/// <param name="MicroBatchesPerEpoch">Batches of one pass over the data.</param>
/// <param name="Accumulation">Micro-batches of one optimizer step; the last step of an epoch may have fewer.</param>
/// <param name="TotalSteps">Optimizer steps of the run.</param>
public sealed record RunLength(int MicroBatchesPerEpoch, int Accumulation, int TotalSteps)
{
    /// <summary>Optimizer steps of one pass over the data.</summary>
    public int StepsPerEpoch => (MicroBatchesPerEpoch + Accumulation - 1) / Accumulation;

    /// <summary>Micro-batches of the whole run.</summary>
    public long TotalMicroBatches
    {
        get
        {
            long epochs = TotalSteps / StepsPerEpoch;
            return (epochs * MicroBatchesPerEpoch) + Math.Min((TotalSteps % StepsPerEpoch) * Accumulation, MicroBatchesPerEpoch);
        }
    }

    /// <summary>The length of a run over these batches.</summary>
    public static RunLength Of(RunConfiguration run, BatchSource source)
    {
        TrainingSteps steps = TrainingSteps.For(source.Repeats ? run : run with { NumTrainEpochs = 1 }, source.BatchesPerEpoch);
        if (!source.Repeats && steps.Total > steps.PerEpoch)
        {
            throw new TrainingException(
                $"max_steps is {steps.Total}, but {source.Origin} holds batches for {steps.PerEpoch} steps; prebatched data is used once.");
        }

        return new RunLength(source.BatchesPerEpoch, run.GradientAccumulationSteps, steps.Total);
    }

    /// <summary>The epoch of an optimizer step, and its micro-batches in that epoch.</summary>
    public (int Epoch, int First, int Count) MicroBatches(long step)
    {
        int first = (int)(step % StepsPerEpoch) * Accumulation;
        return ((int)(step / StepsPerEpoch), first, Math.Min(Accumulation, MicroBatchesPerEpoch - first));
    }

    /// <summary>Epochs passed after this many optimizer steps.</summary>
    public double EpochsAfter(long steps) => (double)steps / StepsPerEpoch;
}
