using System.Runtime.Serialization;
using Engine.Common.Keys;
using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Kernels;

namespace Engine.Optim.Methods;

/// <summary>The norm of HaLoRA's Gram matrices.</summary>
public enum FactorNorm
{
    /// <summary>The largest eigenvalue: ||A||^2 and ||B||^2 in the spectral norm.</summary>
    [EnumMember(Value = "spectral")]
    Spectral,

    /// <summary>The root of the sum of squares.</summary>
    [EnumMember(Value = "frobenius")]
    Frobenius,
}

/// <summary>
/// HaLoRA (arXiv 2502.19747): the base weights will run on hardware that adds noise to them, A and B on exact memory. The loss gets
/// mu sum over layers (||A A^T|| + ||B^T B||), which bounds how far noise in the base weights drives training from its course.
/// </summary>
public sealed record HaLora : Method
{
    internal const string MethodName = "halora";

    /// <inheritdoc/>
    public override string Name => MethodName;

    /// <summary>What the sum of all layers' norms counts for in the loss; 0 is LoRA.</summary>
    [Key(Minimum = 0)]
    public double Mu { get; init; } = 0.01;

    /// <summary>The norm of A A^T and B^T B: the largest eigenvalue, or Frobenius.</summary>
    [Key]
    public FactorNorm Norm { get; init; } = FactorNorm.Spectral;

    /// <inheritdoc/>
    protected override TrainingMethod Create() => new HaLoraMethod(this);
}

/// <summary>
/// One launch for all layers' Gram matrices adds to the gradients before they are clipped; the host sums the norms it reads with the
/// step's loss.
/// </summary>
internal sealed class HaLoraMethod(HaLora settings) : TrainingMethod
{
    private LowRankLayers? layers;
    private Variable? norms;

    public override string Name => settings.Name;

    public override MethodRole Role => MethodRole.Regularisation;

    public override void Attach(MethodContext context)
    {
        base.Attach(context);
        layers = context.LowRankLayers(
            AdapterRequirement.Layers(this, "regularises the factors of LoRA adapters", context)
                .Select(adapter => (adapter.A, adapter.B, adapter.Scale)),
            context.Trainables.Values,
            "adapter.r",
            Name);
        norms = context.Reports.Reserve("factor_norms", new Shape(FactorPenalty.NormCount(layers.Table)));
    }

    public override void OnTransformGradients(GraphBuilder graph, StepCourse course) => graph.AddFactorPenalty(
        layers!, settings.Norm == FactorNorm.Spectral, (float)settings.Mu, Context.Trainables.Gradients, norms!);

    public override double? AddedLoss(StepReadings readings)
    {
        double sum = 0;
        foreach (float norm in readings.Of(norms!))
        {
            sum += norm;
        }

        return settings.Mu * sum;
    }
}
