using Engine.Devices;
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
            new LoraTarget(module, config.RankOf(module), (float)config.ScalingOf(module), (float)config.LoraDropout, config.UseDora))];
        IReadOnlyList<string> saved = SavedModules.Match([.. architecture.Parameters.Select(spec => spec.Name)], config);
        if (architecture.Aliases.FirstOrDefault(alias => saved.Contains(alias.Parameter)) is { } tied)
        {
            throw new ArgumentException(
                $"modules_to_save takes in {tied.Parameter}, which the model also uses as {tied.Name}; PEFT would train a copy in one place only. Leave it out, or train every parameter.");
        }

        return new Tuning.Lora(targets, saved);
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
            if (tensors.Magnitude is { } magnitude)
            {
                ModelWeights.Upload(magnitude, adapter.Magnitude!);
            }
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
            writer.AddLora(Target(adapter), Fill(adapter.A), Fill(adapter.B), adapter.Magnitude is { } magnitude ? Fill(magnitude) : null);
        }

        foreach ((string name, Variable value) in model.SavedParameters)
        {
            writer.AddSaved(new SavedTarget(name, ModelWeights.Longs(value.Shape)), Fill(value));
        }

        writer.Write(folder);
    }

    /// <summary>Hands out a variable's elements part by part.</summary>
    public static TensorFill<float> Fill(Variable variable)
    {
        BufferView<float> view = variable.View<float>();
        return (first, destination) => view.Slice(first, destination.Length).Read(destination);
    }

    private static AdapterTarget Target(LoraLinear adapter) => new(adapter.Module, adapter.Weight.Shape.Columns, adapter.Weight.Shape.Rows);
}
