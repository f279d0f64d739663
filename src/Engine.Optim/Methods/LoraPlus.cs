using Engine.Graph;
using Engine.Model.Execution;

namespace Engine.Optim.Methods;

/// <summary>LoRA+ (Hayou et al. 2024, arXiv 2402.12354): B learns faster than A, because A's updates are felt through a B that is small.</summary>
/// <param name="ratio">What the learning rate is multiplied by for every B.</param>
public sealed class LoraPlus(double ratio) : TrainingMethod
{
    private readonly HashSet<Variable> factorsB = [];

    public const string MethodName = "lora-plus";

    public override string Name => MethodName;

    public override MethodRole Role => MethodRole.LearningRate;

    public override void Attach(MethodContext context)
    {
        base.Attach(context);
        foreach (LoraLinear layer in AdapterRequirement.Layers(this, "gives the B of LoRA adapters a learning rate of their own", context))
        {
            factorsB.Add(layer.B);
        }
    }

    public override double LearningRateRatio(Variable tensor) => factorsB.Contains(tensor) ? ratio : 1;
}
