using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Kernels;
using Engine.Model.Execution;

namespace Engine.Optim.Methods;

/// <summary>
/// What FMLoRA and EFMLoRA share (Deng et al., arXiv 2508.00522): each layer's steepest ascent within radius rho of the full weight, as far as
/// the factors see it, carried over to B alone. Everything goes through r x r products; the m x n gradient is never formed.
/// </summary>
/// <param name="rho">The radius of each layer's perturbation in the first step.</param>
/// <param name="rhoMin">The radius at the end of the run; between them half a cosine.</param>
public abstract class LowRankAscent(double rho, double rhoMin) : TrainingMethod
{
    private LowRankLayers? layers;
    private Variable? savedB;

    /// <summary>Every adapter's B, as one vector.</summary>
    protected Variable B => Context.Trainables.AdapterB;

    public override MethodRole Role => MethodRole.Perturbation;

    public override void Attach(MethodContext context)
    {
        base.Attach(context);
        IReadOnlyList<LoraLinear> adapters = AdapterRequirement.Layers(this, "perturbs the B of LoRA adapters", context);
        if (adapters.Any(adapter => adapter.Magnitude is not null))
        {
            throw Refusal(
                $"method {Name} is derived for W0 + s B A, and with use_dora the weight is rescaled by row; set use_dora: false, or choose bi-lora or flat-lora.");
        }

        layers = context.LowRankLayers(adapters.Select(adapter => (adapter.A, adapter.B, adapter.Scale)), context.Trainables.Values, "adapter.r", Name);
        savedB = context.Scratch.Reserve("unperturbed_B", B.Shape);
    }

    public override double Factor(long step, long totalSteps) => rhoMin + ((rho - rhoMin) * (1 + Math.Cos(Math.PI * step / totalSteps)) / 2);

    /// <summary>E_B of every layer at the present point, from the gradients there.</summary>
    protected Tensor Direction(GraphBuilder graph) => graph.AscentDirection(layers!, Context.Trainables.Gradients, graph.Read(Context.Scalars));

    /// <summary>Keeps B, then adds to it.</summary>
    protected void Perturb(GraphBuilder graph, Tensor perturbation)
    {
        graph.Store(graph.Read(B), savedB!);
        graph.Accumulate(perturbation, B);
    }

    /// <summary>B as it was kept: a copy, so that round-off leaves no trace.</summary>
    public override void OnRestore(GraphBuilder graph, StepCourse course) => graph.Store(graph.Read(savedB!), B);
}

/// <summary>FMLoRA: the perturbation comes from this step's own gradients, and the step from a second pass at the perturbed point.</summary>
public class FmLora(double rho, double rhoMin) : LowRankAscent(rho, rhoMin)
{
    public const string MethodName = "fm-lora";

    public override string Name => MethodName;

    public override IReadOnlyList<StepCourse> Courses { get; } = [StepCourse.TwoPasses];

    public override void OnGradientsReady(GraphBuilder graph, StepCourse course) => Perturb(graph, Direction(graph));
}

/// <summary>
/// EFMLoRA: one pass a step. The step runs under a moving average of the perturbations of the steps before it; the first step runs unperturbed and starts the average.
/// </summary>
/// <param name="beta">The weight of the newest perturbation in the average.</param>
public class EfmLora(double rho, double rhoMin, double beta) : LowRankAscent(rho, rhoMin)
{
    public const string MethodName = "efm-lora";

    private Variable? average;
    private Tensor? newest;

    public override string Name => MethodName;

    public override void Attach(MethodContext context)
    {
        base.Attach(context);
        average = context.State.Reserve("perturbation", B.Shape);
    }

    public override void OnStepBegin(GraphBuilder graph, StepCourse course) => Perturb(graph, graph.Read(average!));

    /// <summary>Before B returns: at the perturbed point, where the gradients were taken, G_A = s B^T G holds.</summary>
    public override void OnRestore(GraphBuilder graph, StepCourse course)
    {
        newest = Direction(graph);
        base.OnRestore(graph, course);
    }

    public override void OnUpdate(GraphBuilder graph, StepCourse course, Tensor finite) => graph.Blend(
        graph.Read(Context.Scalars),
        StepScalars.AverageWeight,
        finite,
        newest ?? throw new InvalidOperationException($"{nameof(OnRestore)} comes before {nameof(OnUpdate)}."),
        average!);

    internal override void WriteFactors(long step, long totalSteps, long updates, Span<float> scalars)
    {
        base.WriteFactors(step, totalSteps, updates, scalars);
        scalars[StepScalars.AverageWeight] = updates == 0 ? 1f : (float)beta;
    }
}
