using Engine.Devices;
using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Kernels;
using Engine.Model.Execution;

namespace Engine.Optim;

/// <summary>Where dynamic loss scaling stands.</summary>
/// <param name="Scale">What the loss's gradient is multiplied by; a power of two.</param>
/// <param name="GoodSteps">Steps with finite gradients since the scale last changed.</param>
/// <param name="SkippedSteps">Steps so far whose gradients were not finite.</param>
public sealed record LossScaleState(float Scale, int GoodSteps, long SkippedSteps)
{
    /// <summary>The start of PyTorch's GradScaler.</summary>
    public static LossScaleState Initial { get; } = new(65536, 0, 0);
}

/// <summary>
/// Dynamic loss scaling for float16 (Micikevicius et al. 2018, arXiv 1710.03740, section 3.2, with the constants of PyTorch's GradScaler): gradients are
/// computed times a scale, so that small ones do not vanish, and divided by it before anything reads them. A step whose gradients are not finite is
/// taken back as a whole, parameters and the method's state to the bit, and halves the scale; 2000 good steps double it. At scale 1 nothing is scaled, and
/// gradients that are not finite are the run's own.
/// </summary>
public sealed class LossScaling : IDisposable
{
    private const int GrowthInterval = 2000;

    /// <summary>Its inverse is still a normal number.</summary>
    private const float MaxScale = 8.507059173023462e37f;

    private readonly Device device;
    private readonly StorageBlock state;
    private readonly TrainableParameters trainables;
    private readonly Variable norm;
    private readonly long stateOffset;
    private readonly FixedPlan unscale;
    private readonly float[] read = new float[1];
    private readonly IReadOnlyList<double[]> hostState;
    private readonly double[][] kept;

    /// <param name="ownGradients">Gradients of parameters that the method owns.</param>
    /// <param name="state">The method's state on the device, reserved as a whole.</param>
    /// <param name="hostState">State on the host, the method's and the optimizer's.</param>
    /// <param name="scalars">The step's scalars.</param>
    internal LossScaling(
        Device device, TrainableParameters trainables, IReadOnlyList<Variable> ownGradients, StorageBlock state, IReadOnlyList<double[]> hostState, Variable scalars)
    {
        this.hostState = hostState;
        kept = [.. hostState.Select(values => new double[values.Length])];
        this.device = device;
        this.trainables = trainables;
        this.state = state;
        norm = Block.Reserve("unscaled_gradient_norm", new Shape(1));
        Block.Reserve("values", new Shape(trainables.Count));
        stateOffset = Block.Bytes;
        if (state.Bytes > 0)
        {
            Block.Reserve("state", new Shape(checked((int)state.Bytes)), ElementType.UInt8);
        }

        var graph = new GraphBuilder();
        foreach (Variable gradients in (IEnumerable<Variable>)[trainables.Gradients, .. ownGradients])
        {
            graph.ScaleBy(gradients, scalars, StepScalars.InverseLossScale);
        }

        graph.GradientNorm(trainables.Gradients, 0, norm, ownGradients);
        unscale = new FixedPlan(device, graph);
    }

    /// <summary>Set it to go on from a checkpoint.</summary>
    public LossScaleState State { get; set; } = LossScaleState.Initial;

    /// <summary>What a skipped step is restored from.</summary>
    internal StorageBlock Block { get; } = new("loss scaling");

    internal long ArenaBytes => unscale.ArenaBytes;

    /// <summary>Keeps what a skipped step must not change; called before anything else of the step.</summary>
    internal void Keep()
    {
        for (int i = 0; i < kept.Length; i++)
        {
            hostState[i].CopyTo(kept[i], 0);
        }

        Block.Buffer.CopyFrom(trainables.ValueBlock.Buffer, 0, sizeof(float), trainables.ValueBlock.Bytes);
        if (state.Bytes > 0)
        {
            Block.Buffer.CopyFrom(state.Buffer, 0, stateOffset, state.Bytes);
        }
    }

    /// <summary>Divides the gradients by the scale; the norm of the result, which is not finite where any of them is not.</summary>
    internal float Unscale(Arena arena, Profile? profile)
    {
        unscale.Run(arena, profile);
        norm.View<float>().Read(read);
        return read[0];
    }

    /// <summary>Takes the step back. The scale is halved; at 1 it stays, and the caller has to give up.</summary>
    internal void Skip()
    {
        for (int i = 0; i < kept.Length; i++)
        {
            kept[i].CopyTo(hostState[i], 0);
        }

        trainables.ValueBlock.Buffer.CopyFrom(Block.Buffer, sizeof(float), 0, trainables.ValueBlock.Bytes);
        if (state.Bytes > 0)
        {
            state.Buffer.CopyFrom(Block.Buffer, stateOffset, 0, state.Bytes);
        }

        device.Synchronize();
        State = new LossScaleState(MathF.Max(1, State.Scale / 2), 0, State.SkippedSteps + 1);
    }

    /// <summary>Counts a step that was taken.</summary>
    internal void Advance() => State = State.GoodSteps + 1 < GrowthInterval
        ? State with { GoodSteps = State.GoodSteps + 1 }
        : State with { Scale = MathF.Min(State.Scale * 2, MaxScale), GoodSteps = 0 };

    public void Dispose() => unscale.Dispose();
}
