using Engine.Model.Peft;

namespace Engine.Training.Inspecting;

/// <summary>An adapted layer.</summary>
/// <param name="Rank">r.</param>
/// <param name="Scale">What multiplies B A.</param>
/// <param name="A">[rank, in].</param>
/// <param name="B">[out, rank].</param>
public sealed record AdaptedModule(string Module, int Rank, double Scale, TensorEntry A, TensorEntry B);

/// <summary>A PEFT adapter folder.</summary>
/// <param name="Kind">What it is, such as LoRA, DoRA or rsLoRA.</param>
/// <param name="Parameters">Numbers in its file.</param>
/// <param name="Modules">The adapted layers, names in natural order.</param>
/// <param name="FormTensors">Tensors of an adapter that has more than A and B.</param>
/// <param name="SavedWhole">Parameters of the model that are stored whole.</param>
/// <param name="TokenRows">Rows of single tokens (<c>trainable_token_indices</c>), by module.</param>
public sealed record AdapterInspection(
    string Kind,
    long Parameters,
    IReadOnlyList<AdaptedModule> Modules,
    IReadOnlyList<TensorEntry> FormTensors,
    IReadOnlyList<TensorEntry> SavedWhole,
    IReadOnlyList<TensorEntry> TokenRows) : Inspection
{
    /// <summary>Its <c>adapter_config.json</c>.</summary>
    internal AdapterConfig Config { get; private init; } = null!;

    internal static AdapterInspection Of(AdapterFile adapter)
    {
        long ofModules = adapter.Modules.Values.Sum(
            module => module.A.ElementCount + module.B.ElementCount + (module.Magnitude?.ElementCount ?? 0));
        long ofOthers = adapter.SavedParameters.Values.Concat(adapter.TokenRows.Values).Concat(adapter.FormTensors.Values)
            .Sum(tensor => tensor.ElementCount);
        return new AdapterInspection(
            KindOf(adapter.Config),
            ofModules + ofOthers,
            [.. adapter.Modules.Values.OrderBy(module => module.Module, NaturalOrder.Comparer)
                .Select(module => Adapted(module, adapter.Config))],
            TensorEntry.Of(adapter.FormTensors),
            TensorEntry.Of(adapter.SavedParameters),
            TensorEntry.Of(adapter.TokenRows))
        {
            Config = adapter.Config,
        };
    }

    private static AdaptedModule Adapted(LoraTensors module, AdapterConfig config) => new(
        module.Module, module.Rank, config.ScalingOf(module.Module), TensorEntry.Of(module.A), TensorEntry.Of(module.B));

    private static string KindOf(AdapterConfig config)
    {
        string form = config.Form?.Name ?? (config.UseDora, config.UseRslora) switch
        {
            (true, true) => "DoRA with rsLoRA's scale",
            (true, false) => "DoRA",
            (false, true) => "rsLoRA",
            _ => "LoRA",
        };
        return config.HoldsBaseWeights ? $"{form} with the base weights it belongs to" : form;
    }
}
