using System.Runtime.Serialization;
using Engine.Common.Keys;
using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Kernels;

namespace Engine.Optim.Methods;

/// <summary>Which learning rate ScaLoRA's scales are for.</summary>
public enum ScalingRate
{
    /// <summary>The run's <c>learning_rate</c> in every step.</summary>
    [EnumMember(Value = "peak")]
    Peak,

    /// <summary>The schedule's rate of the step: as it falls, the factors grow like 1 / sqrt(eta).</summary>
    [EnumMember(Value = "current")]
    Current,
}

/// <summary>
/// ScaLoRA (ICML 2026, arXiv 2510.23818): before a step, the columns of B and the rows of A are scaled so that the step approximates the
/// full weight's best, the difference of the products goes into the base weight, and gradients and moments follow by the chain rule. The
/// cumulative change has a high rank; the result holds the base weights.
/// </summary>
public sealed record ScaLora : Method
{
    internal const string MethodName = "scalora";

    /// <inheritdoc/>
    public override string Name => MethodName;

    /// <inheritdoc/>
    public override BaseWeightUse BaseWeights => BaseWeightUse.Rewritten;

    /// <summary>Steps from one scaling to the next; the paper calls 10 ScaLoRA-I.</summary>
    [Key(Minimum = 1)]
    public int Interval { get; init; } = 1;

    /// <summary>
    /// Smoothness of the loss: where nothing couples the columns, each gets norm 1 / (s sqrt(L eta)). The paper searches it on a grid; the
    /// default keeps the norm that A's rows start with, 1 / sqrt(3).
    /// </summary>
    [Key(Name = "L", Minimum = 0, Above = true, Default = "3 / (s^2 eta), s each layer's scale")]
    public double? L { get; init; }

    /// <summary>
    /// The eta of the formula: the run's <c>learning_rate</c> in every step, or the schedule's rate of the step (<see
    /// cref="ScalingRate.Current"/>).
    /// </summary>
    [Key]
    public ScalingRate Eta { get; init; } = ScalingRate.Peak;

    /// <inheritdoc/>
    protected override TrainingMethod Create() => new ScaLoraMethod(this);
}

/// <summary>Everything is in the update plan of the steps that are due; the others are plain LoRA's.</summary>
internal sealed class ScaLoraMethod(ScaLora settings) : MergingMethod
{
    /// <summary>L' of the default: columns of norm 1 / sqrt(3), as rows of uniform numbers in +-1 / sqrt(in) have.</summary>
    private const double InverseSquaredNorm = 3;

    private Variable? scales;

    public override string Name => settings.Name;

    public override IReadOnlyList<StepCourse> Courses { get; } =
        settings.Interval == 1 ? [StepCourse.Merging] : [StepCourse.Merging, StepCourse.OnePass];

    /// <summary>The scales of the last step that was due.</summary>
    internal Variable Scales => scales ?? throw new InvalidOperationException($"The method {Name} is not attached to a model yet.");

    internal LowRankTable Table => Layers.Table;

    protected override string Does => "scales the factors of LoRA adapters";

    public override void Attach(MethodContext context)
    {
        base.Attach(context);
        scales = context.Scratch.Reserve("scales", new Shape(checked((int)ColumnScales.Count(Layers.Table))));
    }

    public override StepCourse CourseOf(long step) => step % settings.Interval == 0 ? StepCourse.Merging : StepCourse.OnePass;

    /// <summary>
    /// Between clipping and AdamW, where the optimizer of the paper has it: the norm that is clipped is that of the gradients before they
    /// are scaled. No scale depends on the gradients' size.
    /// </summary>
    public override void OnBeforeUpdate(GraphBuilder graph, StepCourse course, Tensor finite)
    {
        if (course != StepCourse.Merging)
        {
            return;
        }

        Variable gradients = Context.Trainables.Gradients;
        graph.SolveScales(
            Layers, gradients, byScale: settings.L is not null, graph.Read(Context.Scalars), MethodScalars.Factor, finite, Scales);
        for (int i = 0; i < Adapters.Count; i++)
        {
            graph.MergeScaled(Layers, i, Scales, Adapters[i].Weight);
        }

        graph.ApplyScales(Layers, Scales, gradients, Context.Moments);
    }

    internal override void WriteFactors(long step, long totalSteps, Span<float> scalars)
    {
        double peak = Context.Optimizer.LearningRate;
        double eta = settings.Eta == ScalingRate.Peak ? peak : scalars[StepScalars.LearningRate];
        scalars[MethodScalars.Factor] = eta > 0
            ? (float)(settings.L is { } smoothness ? smoothness * eta : InverseSquaredNorm * eta / peak)
            : 0f;
    }
}
