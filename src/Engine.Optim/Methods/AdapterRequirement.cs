using Engine.Common;
using Engine.Graph;
using Engine.Model.Execution;

namespace Engine.Optim.Methods;

/// <summary>The check of methods that only make sense on adapters.</summary>
internal static class AdapterRequirement
{
    /// <summary>The adapted layers.</summary>
    /// <param name="does">What the method does to adapters, as the rest of a sentence.</param>
    /// <exception cref="ConfigurationException">The run has no adapter.</exception>
    public static IReadOnlyList<LoraLinear> Layers(TrainingMethod method, string does, MethodContext context) => context.Model.Adapters.Count > 0
        ? context.Model.Adapters
        : throw method.Refusal(
            $"method {method.Name} {does}, but the run has none; add an 'adapter:' section, or remove the method for full fine-tuning.");

    /// <summary>The adapters' factors.</summary>
    /// <param name="problem">What is wrong where there are none, as the rest of a sentence.</param>
    /// <exception cref="ConfigurationException">The run has no adapter.</exception>
    public static IReadOnlyList<(string Name, Variable Value)> Tensors(TrainingMethod method, string problem, MethodContext context) =>
        context.Model.Adapters.Count > 0 ? context.AdapterTensors : throw method.Refusal($"method {method.Name} {problem}.");
}
