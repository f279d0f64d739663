using Engine.Graph;
using Engine.Model.Architectures;
using Engine.Model.Peft;
using Engine.Model.Safetensors;

namespace Engine.Model.Execution;

/// <summary>Between PEFT's adapter files and a model on a device.</summary>
public static class ModelAdapters
{
    /// <summary>The layers a configuration adapts and the modules it trains whole.</summary>
    /// <exception cref="Files.ModelFileException">The configuration matches nothing, or asks for what is not supported.</exception>
    public static Tuning.Lora Tuning(Architecture architecture, AdapterConfig config)
    {
        IReadOnlyList<string> modules = [.. architecture.LinearGroups.SelectMany(group => group).Select(linear => linear.Module)];
        IReadOnlyList<LoraTarget> targets = [.. TargetModules.Match(modules, config.ForModel(architecture.ModelConfig), architecture.OutputModule).Select(module =>
            new LoraTarget(module, config.RankOf(module), (float)config.ScalingOf(module), (float)config.LoraDropout))];
        IReadOnlyList<string> saved = SavedModules.Match([.. architecture.Parameters.Select(spec => spec.Name)], config);
        if (architecture.OutputModule is null && architecture.Aliases.FirstOrDefault(alias => saved.Contains(alias.Parameter)) is { } tied)
        {
            throw new ArgumentException(
                $"modules_to_save takes in {tied.Parameter}, which the model also uses as {tied.Name}; PEFT would train a copy in one place only. Leave it out, or train every parameter.");
        }

        return new Tuning.Lora(targets, saved);
    }

    /// <summary>Holds an adapter's tensors against an architecture; no memory is needed.</summary>
    /// <exception cref="Files.ModelFileException">They do not fit.</exception>
    public static AdapterBinding Bind(Architecture architecture, AdapterFile file, bool allowMissing = false)
    {
        Tuning.Lora tuning = Tuning(architecture, file.Config);
        Dictionary<string, LinearSpec> linears = architecture.LinearGroups.SelectMany(group => group).ToDictionary(linear => linear.Module, StringComparer.Ordinal);
        Dictionary<string, ParameterSpec> parameters = architecture.Parameters.ToDictionary(spec => spec.Name, StringComparer.Ordinal);
        return file.Bind(
            [.. tuning.Adapters.Select(target => new AdapterTarget(target.Module, linears[target.Module].InFeatures, linears[target.Module].OutFeatures))],
            [.. tuning.SavedParameters.Select(name => new SavedTarget(name, ModelWeights.Longs(parameters[name].Shape)))],
            allowMissing);
    }

    /// <summary>Copies an adapter's tensors to the model.</summary>
    /// <param name="allowMissing">Keep the model's values for tensors that the file lacks; they are returned.</param>
    public static AdapterBinding Load(TransformerModel model, AdapterFile file, bool allowMissing = false)
    {
        AdapterBinding binding = file.Bind(
            [.. model.Adapters.Select(Target)],
            [.. model.SavedParameters.Select(saved => new SavedTarget(saved.Name, ModelWeights.Longs(saved.Value.Shape)))],
            allowMissing);
        foreach (LoraTensors tensors in binding.Modules)
        {
            LoraLinear adapter = model.Adapter(tensors.Module)!;
            ModelWeights.Upload(tensors.A, adapter.A);
            ModelWeights.Upload(tensors.B, adapter.B);
        }

        foreach ((string name, SafetensorsTensor tensor) in binding.SavedParameters)
        {
            ModelWeights.Upload(tensor, model.Parameter(name));
        }

        return binding;
    }

    /// <summary>Writes the adapter as PEFT does.</summary>
    public static void Save(TransformerModel model, AdapterConfig config, string folder)
    {
        var writer = new AdapterWriter(config);
        foreach (LoraLinear adapter in model.Adapters)
        {
            writer.AddLora(Target(adapter), ModelWeights.Fill<float>(adapter.A), ModelWeights.Fill<float>(adapter.B));
        }

        foreach ((string name, Variable value) in model.SavedParameters)
        {
            writer.AddSaved(new SavedTarget(name, ModelWeights.Longs(value.Shape)), ModelWeights.Fill<float>(value));
        }

        writer.Write(folder);
    }

    private static AdapterTarget Target(LoraLinear adapter) => new(adapter.Module, adapter.Weight.Shape.Columns, adapter.Weight.Shape.Rows);
}
