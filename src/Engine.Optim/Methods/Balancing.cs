using System.Globalization;
using System.Runtime.Serialization;
using Engine.Common.Keys;
using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Kernels;

namespace Engine.Optim.Methods;

/// <summary>How BAR's mu goes over a run.</summary>
public enum MuSchedule
{
    /// <summary>mu.</summary>
    [EnumMember(Value = "constant")]
    Constant,

    /// <summary>mu (1 - t / T).</summary>
    [EnumMember(Value = "linear")]
    Linear,

    /// <summary>mu (1 + cos(pi t / T)) / 2.</summary>
    [EnumMember(Value = "cosine")]
    Cosine,
}

/// <summary>
/// Balancedness-aware regularisation (Li, Zhang, He, NeurIPS 2024, arXiv 2410.14802): before the update, each adapter pair is rescaled by 1
/// + s and 1 - s, s = mu_t times the learning rate. One pass, no memory.
/// </summary>
public abstract record Balancing : Method
{
    /// <summary>
    /// Strength at the first step; papers use 0.05 to 2. Times <c>learning_rate</c> it must stay far below 1, and from 1 on it is refused.
    /// </summary>
    [Key(Minimum = 0)]
    public double Mu { get; init; } = 0.5;

    /// <summary>How the strength goes on from there, to 0 but for constant.</summary>
    [Key]
    public MuSchedule MuSchedule { get; init; } = MuSchedule.Constant;
}

/// <summary>oBAR: BAR by the factors' norms. It shrinks the larger one.</summary>
public sealed record OBar : Balancing
{
    internal const string MethodName = "obar";

    /// <inheritdoc/>
    public override string Name => MethodName;

    /// <inheritdoc/>
    protected override TrainingMethod Create() => new BalancingMethod(this, byGradient: false);
}

/// <summary>nBAR: BAR by the gradients' norms. It grows the factor of the larger one.</summary>
public sealed record NBar : Balancing
{
    internal const string MethodName = "nbar";

    /// <inheritdoc/>
    public override string Name => MethodName;

    /// <inheritdoc/>
    protected override TrainingMethod Create() => new BalancingMethod(this, byGradient: true);
}

/// <summary>Rescales every pair in one launch, by factors that the device computes from one norm for each tensor.</summary>
/// <param name="byGradient">nBAR.</param>
internal sealed class BalancingMethod(Balancing settings, bool byGradient) : TrainingMethod
{
    private TensorSegments? pairs;

    public override string Name => settings.Name;

    public override MethodRole Role => MethodRole.Balance;

    public override void Attach(MethodContext context)
    {
        base.Attach(context);
        AdapterRequirement.RequirePlain(this, context);
        AdapterRequirement.Tensors(
            this, $"balances the factors of LoRA adapters, but the run has none; add an {Setting.Section("adapter")}, or remove the "
                + "method", context);
        if (settings.Mu * context.Optimizer.LearningRate is var scale and >= 1)
        {
            throw Refusal(string.Create(
                CultureInfo.InvariantCulture,
                $"method {Name}: {Setting.Of("mu")} is {settings.Mu} and {Setting.Of("learning_rate")} {context.Optimizer.LearningRate}, "
                + $"so that a step would scale the factors by 1 + {scale:G6} and 1 - {scale:G6}; "
                + $"{Setting.Of("mu")} times the learning rate must stay far below 1. Lower one of them."));
        }

        pairs = context.Segments(
            context.Model.Adapters.SelectMany(layer => new[] { ("lora_A.weight", layer.A), ("lora_B.weight", layer.B) }));
    }

    public override void OnBeforeUpdate(GraphBuilder graph, StepCourse course, Tensor finite)
    {
        TensorSegments segments = pairs ?? throw new InvalidOperationException($"The method {Name} is not attached to a model yet.");
        Variable values = Context.Trainables.Values;
        Tensor squares = graph.SegmentNorms(segments, byGradient ? Context.Trainables.Gradients : values);
        graph.MapSegments(
            segments, SegmentMap.Scale,
            values, graph.BalanceFactors(
                squares, graph.Read(Context.Scalars), MethodScalars.BalanceFactor, finite, growsLarger: byGradient));
    }

    public override double Factor(long step, long totalSteps) => settings.MuSchedule switch
    {
        MuSchedule.Linear => settings.Mu * (1 - ((double)step / totalSteps)),
        MuSchedule.Cosine => settings.Mu * (1 + Math.Cos(Math.PI * step / totalSteps)) / 2,
        _ => settings.Mu,
    };
}
