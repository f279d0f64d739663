using Engine.Common.Keys;
using Engine.Graph;
using Engine.Model.Adapters;

namespace Engine.Optim.Methods;

/// <summary>
/// LoRA+ (Hayou et al. 2024, arXiv 2402.12354): B learns faster than A, because A's updates are felt through a B that is small.
/// </summary>
public sealed record LoraPlus : Method
{
    internal const string MethodName = "lora-plus";

    /// <inheritdoc/>
    public override string Name => MethodName;

    /// <summary>What the learning rate is multiplied by for every B.</summary>
    [Key(Minimum = 0, Above = true)]
    public double Ratio { get; init; } = 16;

    /// <inheritdoc/>
    protected override TrainingMethod Create() => new LoraPlusMethod(this);
}

/// <summary>A ratio of the learning rate for every B.</summary>
internal sealed class LoraPlusMethod(LoraPlus settings) : TrainingMethod
{
    private readonly HashSet<Variable> factorsB = [];

    public override string Name => settings.Name;

    public override MethodRole Role => MethodRole.LearningRate;

    public override void Attach(MethodContext context)
    {
        base.Attach(context);
        foreach (LoraLinear layer in AdapterRequirement.Layers(
            this, "gives the B of LoRA adapters a learning rate of their own", context, plain: false))
        {
            factorsB.Add(layer.B);
        }
    }

    public override double LearningRateRatio(Variable tensor) => factorsB.Contains(tensor) ? settings.Ratio : 1;
}
