using Engine.Graph;

namespace Engine.Optim.Methods;

/// <summary>The check of methods that only make sense on adapters.</summary>
internal static class AdapterRequirement
{
    /// <summary>The adapters' factors.</summary>
    /// <param name="problem">What is wrong where there are none, as the rest of a sentence.</param>
    /// <exception cref="ConfigurationException">The run has no adapter.</exception>
    public static IReadOnlyList<(string Name, Variable Value)> Tensors(string method, string problem, MethodContext context) =>
        context.Model.Adapters.Count > 0 ? context.AdapterTensors : throw new ConfigurationException($"method {method} {problem}.");
}
