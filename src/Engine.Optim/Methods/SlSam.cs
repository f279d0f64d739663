using Engine.Common.Keys;
using Engine.Devices;
using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Kernels;

namespace Engine.Optim.Methods;

/// <summary>
/// SL-SAM (arXiv 2602.09395): one random set of tensors takes part in a step's ascent, second pass and update; the others' gradients are
/// not computed and their bits do not change. A bandit moves the chances to tensors with large gradients (<see cref="TensorBandit"/>).
/// </summary>
public sealed record SlSam : Perturbation
{
    internal const string MethodName = "sl-sam";

    /// <inheritdoc/>
    public override string Name => MethodName;

    /// <summary>Radius of the perturbation.</summary>
    [Key(Minimum = 0)]
    public Radius Rho { get; init; } = 0.01;

    /// <summary>Expected share of the tensors in a step.</summary>
    [Key(Minimum = 0, Above = true, Maximum = 1)]
    public double SFrac { get; init; } = 0.2;

    /// <summary>Seed of the draws; their counter is the optimizer step, so a resumed run draws the same.</summary>
    [Key(Minimum = 0)]
    public ulong SelectionSeed { get; init; } = 42;

    /// <inheritdoc/>
    protected override TrainingMethod Create() => new SlSamMethod(this);
}

/// <summary>The set of a step is a mask on the device; the bandit learns from the squared norms that the step reports.</summary>
internal sealed class SlSamMethod(SlSam settings) : SamAscent(settings, settings.Rho)
{
    private TensorBandit? bandit;
    private ActiveSet? active;
    private Variable? mask;
    private Variable? squares;
    private float[] maskValues = [];

    public override bool UpdatesInPart => true;

    public override IReadOnlyList<(string Name, double[] Values)> HostState => [("sl_sam.probabilities", Bandit.State)];

    /// <summary>The tensors of the step that was prepared last.</summary>
    public ActiveSet Active => active ?? throw NotAttached();

    public TensorBandit Bandit => bandit ?? throw NotAttached();

    private Variable Mask => mask ?? throw NotAttached();

    public override void Attach(MethodContext context)
    {
        base.Attach(context);
        IReadOnlyList<Variable> tensors = [.. context.Trainables.Entries.Select(entry => entry.Value)];
        active = new ActiveSet(tensors);
        bandit = new TensorBandit(tensors.Count, settings.SFrac);
        mask = context.Tables.Reserve("sl_sam.mask", new Shape(tensors.Count));
        squares = context.Reports.Reserve("sl_sam.squares", new Shape(tensors.Count));
        maskValues = new float[tensors.Count];
    }

    public override void Prepare(long step)
    {
        Bandit.Draw(new PhiloxGenerator(settings.SelectionSeed, RandomStream.TensorSelection, (uint)step), Active);
        for (int i = 0; i < maskValues.Length; i++)
        {
            maskValues[i] = Active[i] ? 1 : 0;
        }

        Mask.View<float>().Write(maskValues);
    }

    public override ActiveSet? ActiveIn(StepPart part) => Active;

    /// <summary>
    /// Two tensors may share the launch of their gradients, which then ran for both: what is not in the set is cleared before the norm.
    /// </summary>
    public override void OnTransformGradients(GraphBuilder graph, StepCourse course) =>
        graph.MapSegments(Perturbed, SegmentMap.Scale, Gradients, graph.Read(Mask));

    public override void OnStepEnd(StepReadings readings)
    {
        base.OnStepEnd(readings);
        Bandit.Update(Active, readings.Of(squares ?? throw NotAttached()));
    }

    protected override void Perturb(GraphBuilder graph)
    {
        Tensor norms = graph.SegmentNorms(Perturbed, Gradients);
        graph.Store(norms, squares ?? throw NotAttached());
        Ascend(graph, Factors(graph, norms, settings.Rho.Value, graph.Read(Mask)));
    }

    private InvalidOperationException NotAttached() => new($"The method {Name} is not attached to a model yet.");
}
