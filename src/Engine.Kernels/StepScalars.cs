namespace Engine.Kernels;

/// <summary>
/// Slots of the float32 buffer that carries what changes from step to step, uploaded once before a step is replayed,
/// so that launches never need new arguments.
/// </summary>
public static class StepScalars
{
    /// <summary>The schedule's learning rate of this optimizer step.</summary>
    public const int LearningRate = 0;

    /// <summary>1 - beta1^t, t counted from 1.</summary>
    public const int BiasCorrection1 = 1;

    /// <summary>1 - beta2^t, t counted from 1.</summary>
    public const int BiasCorrection2 = 2;

    /// <summary>
    /// What the gradient of a batch's mean loss is multiplied by: <see cref="LossWeight"/>, with dynamic loss scaling times the scale.
    /// </summary>
    public const int LossScale = 3;

    /// <summary>What undoes dynamic loss scaling in the summed gradients: 1 / scale.</summary>
    public const int InverseLossScale = 4;

    /// <summary>What the micro-batch's mean loss counts for in the step's: its share of the step's labels.</summary>
    public const int LossWeight = 5;

    /// <summary>What each sample counts for in a step that runs its samples one by one: 1 over their number.</summary>
    public const int SampleWeight = 6;

    /// <summary>The first of the slots that training methods use as they like; a kernel that reads one is told which.</summary>
    public const int OfMethods = 8;

    /// <summary>Number of slots.</summary>
    public const int Count = 16;
}

/// <summary>Slots of the uint32 buffer a counter-based generator reads (Philox4x32-10, Salmon et al. 2011).</summary>
internal static class RandomState
{
    /// <summary>Low word of the seed (Philox key 0).</summary>
    public const int SeedLow = 0;

    /// <summary>High word of the seed (Philox key 1).</summary>
    public const int SeedHigh = 1;

    /// <summary>The step (Philox counter word 3).</summary>
    public const int Step = 2;

    /// <summary>Number of slots.</summary>
    public const int Count = 4;
}
