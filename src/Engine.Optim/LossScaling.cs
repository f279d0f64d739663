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
internal sealed record LossScaleState(float Scale, int GoodSteps, long SkippedSteps)
{
    /// <summary>The start of PyTorch's GradScaler.</summary>
    public static LossScaleState Initial { get; } = new(65536, 0, 0);
}

/// <summary>
/// Dynamic loss scaling for float16 (Micikevicius et al. 2018, arXiv 1710.03740, section 3.2, with the constants of PyTorch's GradScaler):
/// gradients are computed times a scale, so that small ones do not vanish, and divided by it before anything reads them. A step whose
/// gradients are not finite, in whichever pass, writes no parameter and no moment, as in every run; what the method wrote into its state
/// before that was known is taken back, to the bit, and the scale is halved. 2000 good steps double it. At scale 1 nothing is scaled, and
/// gradients that are not finite are the run's own. The host learns of it with the step's report.
/// </summary>
internal sealed class LossScaling
{
    private const int GrowthInterval = 2000;

    /// <summary>Its inverse is still a normal number.</summary>
    private const float MaxScale = 8.507059173023462e37f;

    private readonly Device device;
    private readonly StorageBlock state;
    private readonly Variable scalars;
    private readonly TrainableParameters trainables;
    private readonly IReadOnlyList<Variable> ownGradients;
    private readonly IReadOnlyList<double[]> hostState;
    private readonly double[][] kept;

    /// <param name="ownGradients">Gradients of parameters that the method owns.</param>
    /// <param name="state">The method's state on the device, reserved as a whole.</param>
    /// <param name="hostState">State on the host, the method's and the optimizer's.</param>
    /// <param name="scalars">The step's scalars.</param>
    internal LossScaling(
        Device device, TrainableParameters trainables, IReadOnlyList<Variable> ownGradients, StorageBlock state,
        IReadOnlyList<double[]> hostState, Variable scalars)
    {
        (this.device, this.trainables, this.ownGradients, this.state, this.hostState, this.scalars) =
            (device, trainables, ownGradients, state, hostState, scalars);
        kept = [.. hostState.Select(values => new double[values.Length])];

        // Laid out as the state is, so that one copy takes all of it.
        foreach (Variable variable in state.Variables)
        {
            Block.Reserve(variable.Name, variable.Shape, variable.Type);
        }

        FirstPassNorm = Block.Reserve("first_pass_gradient_norm", new Shape(1));
    }

    /// <summary>Where it stands; a checkpoint keeps it for <see cref="TrainingSession.ResumeAt"/>.</summary>
    public LossScaleState State { get; internal set; } = LossScaleState.Initial;

    /// <summary>What a skipped step is restored from.</summary>
    internal StorageBlock Block { get; } = new("loss scaling");

    /// <summary>
    /// [1] Of the first of two passes, whose gradients are cleared before the update: not finite where any of them was not.
    /// </summary>
    internal Variable FirstPassNorm { get; }

    /// <summary>Divides the gradients by the scale.</summary>
    internal void Unscale(GraphBuilder graph)
    {
        foreach (Variable gradients in (IEnumerable<Variable>)[trainables.Gradients, .. ownGradients])
        {
            graph.ScaleBy(gradients, scalars, StepScalars.InverseLossScale);
        }
    }

    /// <summary>Divides the gradients by the scale and remembers whether they are finite.</summary>
    internal void UnscaleFirstPass(GraphBuilder graph)
    {
        Unscale(graph);
        graph.GradientNorm(trainables.Gradients, 0, FirstPassNorm, ownGradients);
    }

    /// <summary>Keeps the state that a skipped step must not change; called before anything else of the step.</summary>
    internal void Keep()
    {
        for (int i = 0; i < kept.Length; i++)
        {
            hostState[i].CopyTo(kept[i], 0);
        }

        if (state.Bytes > 0)
        {
            Block.Buffer.CopyFrom(state.Buffer, 0, 0, state.Bytes);
        }
    }

    /// <summary>
    /// Takes back what a step that was not finite did to the state. The scale is halved; at 1 it stays, and the caller has to give up.
    /// </summary>
    /// <returns>Whether the scale was lowered.</returns>
    internal bool Skip()
    {
        for (int i = 0; i < kept.Length; i++)
        {
            kept[i].CopyTo(hostState[i], 0);
        }

        if (state.Bytes > 0)
        {
            state.Buffer.CopyFrom(Block.Buffer, 0, 0, state.Bytes);
            device.Synchronize();
        }

        bool lowered = State.Scale > 1;
        State = new LossScaleState(MathF.Max(1, State.Scale / 2), 0, State.SkippedSteps + 1);
        return lowered;
    }

    /// <summary>Counts a step that was taken.</summary>
    internal void Advance() => State = State.GoodSteps + 1 < GrowthInterval
        ? State with { GoodSteps = State.GoodSteps + 1 }
        : State with { Scale = MathF.Min(State.Scale * 2, MaxScale), GoodSteps = 0 };
}
