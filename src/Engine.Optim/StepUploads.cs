using Engine.Graph;
using Engine.Kernels;

namespace Engine.Optim;

/// <summary>What changes from step to step and the plans read: the scalars, and where random draws stand.</summary>
/// <param name="target">The scalars on the device, <see cref="StepScalars"/>.</param>
internal sealed class StepUploads(Variable target)
{
    private readonly float[] scalars = new float[StepScalars.Count];
    private readonly uint[] random = new uint[RandomState.Count];

    /// <summary>The scalars as the next <see cref="Write"/> takes them to the device.</summary>
    public Span<float> Scalars => scalars;

    /// <summary>What the micro-batch that runs counts for in its step's loss.</summary>
    public float LossWeight => scalars[StepScalars.LossWeight];

    /// <summary>Takes the scalars to the device.</summary>
    /// <param name="lossWeight">The weight of the micro-batch that runs next.</param>
    /// <param name="scaling">Dynamic loss scaling; null: none.</param>
    /// <param name="sampleWeight">
    /// What each sample's loss counts for where they run one by one, their gradients those of their own loss; null: they do not.
    /// </param>
    public void Write(float lossWeight, LossScaling? scaling, float? sampleWeight = null)
    {
        float scale = scaling?.State.Scale ?? 1;
        scalars[StepScalars.LossScale] = sampleWeight is null ? scale * lossWeight : 1;
        scalars[StepScalars.InverseLossScale] = 1 / scale;
        scalars[StepScalars.LossWeight] = sampleWeight ?? lossWeight;
        target.View<float>().Write(scalars);
    }

    /// <summary>Sets a generator of random numbers.</summary>
    public void Seed(Variable generator, ulong key, long step)
    {
        random[RandomState.SeedLow] = (uint)key;
        random[RandomState.SeedHigh] = (uint)(key >> 32);
        random[RandomState.Step] = (uint)step;
        generator.View<uint>().Write(random);
    }
}
