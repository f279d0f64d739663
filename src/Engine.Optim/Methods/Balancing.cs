using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Kernels;
using Engine.Model.Execution;

namespace Engine.Optim.Methods;

/// <summary>How BAR's mu goes over a run.</summary>
public enum MuSchedule
{
    /// <summary>mu.</summary>
    Constant,

    /// <summary>mu (1 - t / T).</summary>
    Linear,

    /// <summary>mu (1 + cos(pi t / T)) / 2.</summary>
    Cosine,
}

/// <summary>
/// Balancedness-aware regularisation (Li, Zhang, He, NeurIPS 2024, arXiv 2410.14802): before the update, each adapter pair is rescaled by 1 + s and 1 - s,
/// s = mu_t times the learning rate. oBAR shrinks the factor of larger norm, nBAR grows the factor of larger gradient. One pass, no memory.
/// </summary>
/// <param name="byGradient">nBAR.</param>
/// <param name="mu">Strength at the first step.</param>
/// <param name="schedule">How it goes on.</param>
public sealed class Balancing(bool byGradient, double mu, MuSchedule schedule) : TrainingMethod
{
    private TensorSegments? pairs;

    /// <summary>BAR by the factors' norms.</summary>
    public const string ByNormName = "obar";

    /// <summary>BAR by the gradients' norms.</summary>
    public const string ByGradientName = "nbar";

    public override string Name => byGradient ? ByGradientName : ByNormName;

    public override MethodRole Role => MethodRole.Balance;

    public override void Attach(MethodContext context)
    {
        base.Attach(context);
        AdapterRequirement.Tensors(this, "balances the factors of LoRA adapters, but the run has none; add an 'adapter:' section, or remove the method", context);
        if (mu * context.Optimizer.LearningRate is var scale and >= 1)
        {
            throw Refusal(FormattableString.Invariant(
                $"method {Name}: mu is {mu} and learning_rate {context.Optimizer.LearningRate}, so that a step would scale the factors by 1 + {scale:G6} and 1 - {scale:G6}; mu times the learning rate must stay far below 1. Lower one of them."));
        }

        pairs = context.Segments(context.Model.Adapters.SelectMany(layer => new[] { ("lora_A.weight", layer.A), ("lora_B.weight", layer.B) }));
    }

    public override void OnBeforeUpdate(GraphBuilder graph, StepCourse course, Tensor finite)
    {
        TensorSegments segments = pairs ?? throw new InvalidOperationException($"The method {Name} is not attached to a model yet.");
        Variable values = Context.Trainables.Values;
        Tensor squares = graph.SegmentNorms(segments, byGradient ? Context.Trainables.Gradients : values);
        graph.MapSegments(segments, SegmentMap.Scale, values, graph.BalanceFactors(squares, graph.Read(Context.Scalars), finite, growsLarger: byGradient));
    }

    public override double Factor(long step, long totalSteps) => schedule switch
    {
        MuSchedule.Linear => mu * (1 - ((double)step / totalSteps)),
        MuSchedule.Cosine => mu * (1 + Math.Cos(Math.PI * step / totalSteps)) / 2,
        _ => mu,
    };
}
