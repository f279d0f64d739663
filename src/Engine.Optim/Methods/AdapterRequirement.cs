using Engine.Common;
using Engine.Common.Keys;
using Engine.Graph;
using Engine.Model.Adapters;

namespace Engine.Optim.Methods;

/// <summary>The check of methods that only make sense on adapters.</summary>
internal static class AdapterRequirement
{
    /// <summary>The adapted layers.</summary>
    /// <param name="does">What the method does to adapters, as the rest of a sentence.</param>
    /// <param name="plain">The method takes the adapted weight for W0 + s B A.</param>
    /// <exception cref="ConfigurationException">The run has no adapter, or adapters of another form than the method takes.</exception>
    public static IReadOnlyList<LoraLinear> Layers(TrainingMethod method, string does, MethodContext context, bool plain = true)
    {
        if (plain)
        {
            RequirePlain(method, context);
        }

        return context.Model.Adapters.Count > 0
            ? context.Model.Adapters
            : throw method.Refusal(
                $"method {method.Name} {does}, but the run has none; add an {Setting.Section("adapter")}, "
                    + $"or remove the method for full fine-tuning.");
    }

    /// <summary>Refuses adapters of whose factors the product is not what they add to the weight.</summary>
    /// <exception cref="ConfigurationException">There are some.</exception>
    public static void RequirePlain(TrainingMethod method, MethodContext context)
    {
        if (context.Model.Adapters.Select(layer => layer.Form).FirstOrDefault(form => form is not null) is { } form)
        {
            throw method.Refusal(
                $"{Setting.Of("method")}: {form.Name} and {method.Name} do not go together, since {method.Name} takes an adapted weight "
                    + "for W0 + s B A, "
                + $"and that of {form.Name} is another; keep one of them.");
        }
    }

    /// <summary>The adapters' factors.</summary>
    /// <param name="problem">What is wrong where there are none, as the rest of a sentence.</param>
    /// <exception cref="ConfigurationException">The run has no adapter.</exception>
    public static IReadOnlyList<(string Name, Variable Value)> Tensors(TrainingMethod method, string problem, MethodContext context) =>
        context.Model.Adapters.Count > 0 ? context.AdapterTensors : throw method.Refusal($"method {method.Name} {problem}.");
}
