using Engine.Graph;
using Engine.Model.Architectures;
using Engine.Model.Files;
using Engine.Model.Peft;
using Engine.Model.Safetensors;

namespace Engine.Model.Execution;

/// <summary>An adapted layer's weight before and after its adapter is merged into it.</summary>
/// <param name="Tensors">The adapter's factors.</param>
/// <param name="Scale">What B A is multiplied by.</param>
/// <param name="Weight">The model's variable [out, in].</param>
/// <param name="Original">W0, row by row.</param>
/// <param name="Merged">W0 + scale B A; with DoRA its rows rescaled.</param>
public sealed record MergedLayer(LoraTensors Tensors, float Scale, Variable Weight, float[] Original, float[] Merged);

/// <summary>Between PEFT's adapter files and a model on a device.</summary>
public static class ModelAdapters
{
    /// <summary>The layers a configuration adapts and the modules it trains whole.</summary>
    /// <exception cref="Files.ModelFileException">The configuration matches nothing, or asks for what is not supported.</exception>
    public static Tuning.Lora Tuning(Architecture architecture, AdapterConfig config)
    {
        IReadOnlyList<string> modules = [.. architecture.LinearGroups.SelectMany(group => group).Select(linear => linear.Module)];
        IReadOnlyList<string> others =
        [
            .. architecture.Parameters.Select(spec => spec.Name)
                .Concat(architecture.Head.PredictsTokens() ? architecture.Aliases.Select(alias => alias.Name) : [])
                .Select(name => name[..name.LastIndexOf('.')]).Distinct().Except(modules),
        ];
        IReadOnlyList<LoraTarget> targets = [.. TargetModules.Match(modules, config.ForModel(architecture.ModelConfig), architecture.OutputModule, others).Select(module =>
            new LoraTarget(module, config.RankOf(module), (float)config.ScalingOf(module), (float)config.LoraDropout, config.UseDora))];
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

    /// <summary>Copies an adapter's tensors to the model, whose weights must be loaded.</summary>
    /// <param name="allowMissing">Keep the model's values for tensors that the file lacks; they are returned.</param>
    public static AdapterBinding Load(TransformerModel model, AdapterFile file, bool allowMissing = false)
    {
        RequirePublishedBase(file);
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

        LoadSaved(model, binding);
        ModelWeights.RefreshNorms(model);
        return binding;
    }

    /// <summary>
    /// The layers an adapter sits on with the adapter merged, one after another. The model has its base weights and no adapter.
    /// </summary>
    /// <exception cref="ModelFileException">The adapter does not fit the model.</exception>
    public static IEnumerable<MergedLayer> Merge(TransformerModel model, AdapterFile file)
    {
        RequirePublishedBase(file);
        return Merge(model, file, Bind(model.Architecture, file));
    }

    private static IEnumerable<MergedLayer> Merge(TransformerModel model, AdapterFile file, AdapterBinding binding)
    {
        foreach (LoraTensors tensors in binding.Modules)
        {
            Variable weight = model.Parameter($"{tensors.Module}.weight");
            var original = new float[weight.Shape.Count];
            var merged = new float[original.Length];
            ModelWeights.Read(weight, 0, original);
            float scale = (float)file.Config.ScalingOf(tensors.Module);
            new MergedWeight(Fill(original), tensors, scale).Fill(0, merged);
            yield return new MergedLayer(tensors, scale, weight, original, merged);
        }
    }

    /// <summary>
    /// Merges an adapter into the model's own weights, as <c>engine merge</c> does into a folder's, and copies the parameters it stores whole. The model has its base weights and no adapter.
    /// </summary>
    /// <exception cref="ModelFileException">The adapter does not fit the model.</exception>
    public static void LoadMerged(TransformerModel model, AdapterFile file)
    {
        RequirePublishedBase(file);
        AdapterBinding binding = Bind(model.Architecture, file);
        foreach (MergedLayer layer in Merge(model, file, binding))
        {
            ModelWeights.Write(layer.Weight, layer.Merged);
        }

        LoadSaved(model, binding);
    }

    /// <summary>
    /// Writes the adapter as PEFT does. Where it started from a part of the weight (PiSSA), the file holds s (B A - B0 A0) as factors of twice the rank: an adapter of the
    /// model as it was published.
    /// </summary>
    public static void Save(TransformerModel model, AdapterConfig config, string folder)
    {
        bool converted = model.Adapters.Any(adapter => adapter.Removed is not null);
        var writer = new AdapterWriter(converted ? config.WithStartTakenOut() : config);
        foreach (LoraLinear adapter in model.Adapters)
        {
            TensorFill<float> a = ModelWeights.Fill<float>(adapter.A), b = ModelWeights.Fill<float>(adapter.B);
            if (adapter.Removed is { } removed)
            {
                a = Fill([.. adapter.A.View<float>().ToArray(), .. removed.A]);
                b = Fill(BesideNegated(adapter.B.View<float>().ToArray(), removed.B, adapter.Rank));
            }

            writer.AddLora(Target(adapter), a, b, adapter.Magnitude is { } magnitude ? ModelWeights.Fill<float>(magnitude) : null);
        }

        foreach ((string name, Variable value) in model.SavedParameters)
        {
            writer.AddSaved(new SavedTarget(name, ModelWeights.Longs(value.Shape)), ModelWeights.Fill<float>(value));
        }

        writer.Write(folder);
    }

    /// <summary>Refuses factors of a base that was changed before training.</summary>
    internal static void RequirePublishedBase(AdapterFile file)
    {
        if (file.Config.InitChangesBaseWeights)
        {
            throw new ModelFileException(
                file.FolderPath,
                $"init_lora_weights is {file.Config.InitLoraWeights}: these factors belong to a base without its leading part, not to the model as it was published. "
                + "Save the adapter with PEFT's path_initial_model_for_weight_conversion, which takes the start back out.");
        }
    }

    private static void LoadSaved(TransformerModel model, AdapterBinding binding)
    {
        foreach ((string name, SafetensorsTensor tensor) in binding.SavedParameters)
        {
            ModelWeights.Upload(tensor, model.Parameter(name));
        }
    }

    private static TensorFill<float> Fill(float[] values) => (first, destination) => values.AsSpan((int)first, destination.Length).CopyTo(destination);

    /// <summary>[b, -other], both [rows, rank].</summary>
    private static float[] BesideNegated(float[] b, float[] other, int rank)
    {
        var joined = new float[2 * b.Length];
        for (int i = 0; i < b.Length; i++)
        {
            int start = (i / rank * 2 * rank) + (i % rank);
            joined[start] = b[i];
            joined[start + rank] = -other[i];
        }

        return joined;
    }

    private static AdapterTarget Target(LoraLinear adapter) => new(adapter.Module, adapter.Weight.Shape.Columns, adapter.Weight.Shape.Rows);
}
