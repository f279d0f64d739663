using Engine.Graph;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Model.Execution;
using Engine.Model.Forms;
using Engine.Common.Files;
using Engine.Common.Keys;
using Engine.Model.Loading;
using Engine.Model.Peft;
using Engine.Safetensors;

namespace Engine.Model.Adapters;

/// <summary>An adapted layer's weight before and after its adapter is merged into it.</summary>
/// <param name="Tensors">The adapter's factors.</param>
/// <param name="Scale">What B A is multiplied by.</param>
/// <param name="Weight">The model's variable [out, in].</param>
/// <param name="Original">W0, row by row.</param>
/// <param name="Merged">W0 + scale B A; with DoRA its rows rescaled.</param>
internal sealed record MergedLayer(LoraTensors Tensors, float Scale, Variable Weight, float[] Original, float[] Merged);

/// <summary>Between PEFT's adapter files and a model on a device.</summary>
internal static class ModelAdapters
{
    /// <summary>What a configuration adapts, trains whole and trains in single rows.</summary>
    /// <param name="architecture">The model as the adapter needs it (<see cref="AdaptedArchitecture"/>).</param>
    /// <param name="stored">Parameters that the adapter has in place of the model's whatever its configuration says; null for none.</param>
    /// <exception cref="ArgumentException">The configuration matches nothing, or asks for what is not supported.</exception>
    public static Tuning.Lora Tuning(Architecture architecture, AdapterConfig config, IEnumerable<string>? stored = null)
    {
        ModuleNames modules = ModuleNames.Of(architecture);
        config = config.ForModel(architecture.ModelConfig);
        if (config.Form?.Problem(config, architecture) is { } problem)
        {
            throw new ArgumentException($"{config.Form.Name}: {problem}.");
        }

        Dictionary<string, LinearSpec> linears = LinearsOf(architecture);
        LoraTarget[] targets = [.. TargetModules.Match(modules.Linear, config, modules.OutputHead, modules.Others).Select(module =>
            new LoraTarget(
                module,
                config.RankOf(module),
                (float)(config.Form?.ScaleOf(config, linears[module]) ?? config.ScalingOf(module)),
                (float)config.LoraDropout,
                config.UseDora) { Form = config.Form })];
        string[] trained = [.. SavedModules.Match(modules.Parameters, config).Select(name => ParameterOf(architecture, name)).Distinct()];
        if (architecture.Parameters.FirstOrDefault(spec => spec.Transposed && trained.Contains(spec.Name)) is { } transposed)
        {
            throw new ArgumentException(
                $"{Setting.Of("modules_to_save")} takes in {transposed.Name}, which {architecture.Name} stores [in, out]; "
                + $"training such a layer whole beside an adapter is not built. Put an adapter on it ({Setting.Of("target_modules")}), "
                + "or train every parameter.");
        }

        IReadOnlyList<TokenTarget> tokens = TrainedTokens.Find(architecture, config);
        foreach (TokenTarget rows in tokens)
        {
            if (trained.Contains(rows.Parameter) || targets.Any(target => target.Module == rows.Module))
            {
                string other = trained.Contains(rows.Parameter)
                    ? $"{Setting.Of("modules_to_save")} trains whole"
                    : $"{Setting.Of("target_modules")} adapts";
                throw new ArgumentException(
                    $"{Setting.Of("trainable_token_indices")} trains rows of {rows.Module}, which {other}; leave one of them out.");
            }
        }

        HashSet<string> known = [.. architecture.Parameters.Select(spec => spec.Name)];
        IEnumerable<string> written = config.HoldsBaseWeights ? targets.Select(target => $"{target.Module}.weight") : [];
        IEnumerable<string> kept = (stored ?? []).Concat(written).Select(name => ParameterOf(architecture, name));
        string[] held = [.. kept.Where(known.Contains).Distinct().Except(trained)];
        return new Tuning.Lora(targets, [.. trained, .. held]) { HeldParameters = held, TokenRows = tokens };
    }

    /// <summary>What a stored adapter adapts and has in place of the model's parameters.</summary>
    /// <param name="architecture">The model as the adapter needs it (<see cref="AdaptedArchitecture"/>).</param>
    /// <exception cref="ArgumentException">The configuration matches nothing, or asks for what is not supported.</exception>
    public static Tuning.Lora Tuning(Architecture architecture, AdapterFile file)
    {
        using IDisposable keys = SettingWords.UseKeys();
        return Tuning(architecture, file.Config, file.SavedParameters.Keys);
    }

    /// <summary>Holds an adapter's tensors against an architecture; no memory is needed.</summary>
    /// <exception cref="ModelFileException">They do not fit.</exception>
    public static AdapterBinding Bind(Architecture architecture, AdapterFile file, bool allowMissing = false)
    {
        RequirePlainWithoutGates(file);
        Tuning.Lora tuning = Tuning(architecture, file);
        Dictionary<string, LinearSpec> linears = LinearsOf(architecture);
        return Bind(
            architecture,
            file,
            [.. tuning.Adapters.Select(
                target => new AdapterTarget(target.Module, linears[target.Module].InFeatures, linears[target.Module].OutFeatures))],
            tuning.SavedParameters,
            tuning.TokenRows,
            allowMissing);
    }

    /// <summary>Copies an adapter's tensors to the model, whose weights must be loaded.</summary>
    /// <param name="allowMissing">Keep the model's values for tensors that the file lacks; they are returned.</param>
    public static AdapterBinding Load(TransformerModel model, AdapterFile file, bool allowMissing = false)
    {
        RequirePublishedBase(file);
        // Base weights that training is going to write, an adapter to start from may lack.
        HashSet<Variable> written = model.Tuning is Tuning.Lora { WritesBaseWeights: true } && !file.Config.HoldsBaseWeights
            ? [.. model.Adapters.Select(adapter => adapter.Weight)]
            : [];
        string[] saved = [.. model.SavedParameters.Where(saved => !written.Contains(saved.Value)).Select(saved => saved.Name)];
        AdapterTarget[] targets = [.. model.Adapters.Select(Target)];
        AdapterBinding binding = Bind(model.Architecture, file, targets, saved, model.TokenTargets, allowMissing);
        AdapterForm? form = model.Adapters.Select(adapter => adapter.Form).FirstOrDefault();
        if (form is null)
        {
            RequirePlainWithoutGates(file);
        }

        if (form?.AsStored != file.Config.Form)
        {
            throw new ModelFileException(
                file.FolderPath,
                $"it holds adapters of {file.Config.Form?.ToString() ?? "LoRA"}, "
                    + $"and the model has those of {form?.AsStored?.ToString() ?? "LoRA"}.");
        }

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

        LoadForms(model, file);
        LoadSaved(model, binding, model.TokenTargets);
        ModelWeights.RefreshNorms(model);
        return binding;
    }

    /// <summary>
    /// The layers an adapter sits on with the adapter merged, one after another. The model has its base weights and no adapter.
    /// </summary>
    /// <exception cref="ModelFileException">The adapter does not fit the model.</exception>
    public static IEnumerable<MergedLayer> Merge(TransformerModel model, AdapterFile file)
    {
        RequireMergeable(file);
        return Merge(model, file, Bind(model.Architecture, file));
    }

    private static IEnumerable<MergedLayer> Merge(TransformerModel model, AdapterFile file, AdapterBinding binding)
    {
        foreach (LoraTensors tensors in binding.Modules)
        {
            Variable weight = model.Parameter($"{tensors.Module}.weight");
            var original = new float[weight.Shape.Count];
            var merged = new float[original.Length];
            if (binding.SavedParameters.TryGetValue($"{tensors.Module}.weight", out SafetensorsTensor? saved))
            {
                saved.ReadFloat32(original, 0);
            }
            else
            {
                ModelWeights.Read(weight, 0, original);
            }

            float scale = (float)file.Config.ScalingOf(tensors.Module);
            new MergedWeight(Fill(original), tensors, scale).Fill(0, merged);
            if (file.Config.HoldsBaseWeights)
            {
                // What training changed is counted from the model's own weight.
                ModelWeights.Read(weight, 0, original);
            }

            yield return new MergedLayer(tensors, scale, weight, original, merged);
        }
    }

    /// <summary>
    /// Merges an adapter into the model's own weights, as <see cref="AdapterMerge"/> does into a folder's, and copies the parameters it
    /// stores whole. The model has its base weights and no adapter.
    /// </summary>
    /// <exception cref="ModelFileException">The adapter does not fit the model.</exception>
    public static void LoadMerged(TransformerModel model, AdapterFile file)
    {
        RequireMergeable(file);
        AdapterBinding binding = Bind(model.Architecture, file);
        LoadSaved(model, binding, TrainedTokens.Find(model.Architecture, file.Config));
        foreach (MergedLayer layer in Merge(model, file, binding))
        {
            ModelWeights.Write(layer.Weight, layer.Merged);
        }
    }

    /// <summary>
    /// Writes the adapter as PEFT does. Where it started from a part of the weight (PiSSA), the file holds s (B A - B0 A0) as factors of
    /// twice the rank, and where training has merged others (<see cref="LoraLinear.Merged"/>) or the adapters' form is a sum of several,
    /// the factors of all: an adapter of the model as it was published. Where the configuration says so, base weights go along
    /// (<see cref="AdapterConfig.HoldsBaseWeights"/>), and what was merged is in these.
    /// </summary>
    public static void Save(TransformerModel model, AdapterConfig config, string folder)
    {
        int pairs = config.Form is { FileType: null } whole
            ? whole.PlainPairs(model.Adapters)
            : model.Adapters.Select(adapter => 1 + FurtherPairs(adapter, config).Count).DefaultIfEmpty(1).Max();
        var writer = new AdapterWriter(pairs > 1 ? config.WithPairs(pairs) : config);
        foreach (LoraLinear adapter in config.Form?.FileType is null ? model.Adapters : [])
        {
            TensorFill<float> a = ModelWeights.Fill<float>(adapter.A), b = ModelWeights.Fill<float>(adapter.B);
            if (FurtherPairs(adapter, config) is { Count: > 0 } further)
            {
                a = Fill([.. adapter.A.View<float>().ToArray(), .. further.SelectMany(pair => pair.A)]);
                b = Fill(SideBySide([adapter.B.View<float>().ToArray(), .. further.Select(pair => pair.B)], adapter.Rank));
            }

            if (adapter.Form is { } form)
            {
                (float[] plainA, float[] plainB) = form.Plain(adapter, pairs);
                (a, b) = (Fill(plainA), Fill(plainB));
            }

            writer.AddLora(
                Target(adapter) with { Module = NameInFile(model, config, adapter.Module) }, a, b,
                adapter.Magnitude is { } magnitude ? ModelWeights.Fill<float>(magnitude) : null);
        }

        foreach ((LoraLinear adapter, StoredPart part) in config.Form?.FileType is null ? [] : FormFile.Parts(model))
        {
            writer.AddPart(part, Fill(part.Read(adapter)));
        }

        foreach ((string name, Variable value) in model.SavedParameters)
        {
            SavedTarget target = Saved(model.Architecture, name);
            string module = name[..name.LastIndexOf('.')];
            bool hasRows = model.TokenTargets.Any(rows => rows.Module == module);
            bool wrapped = hasRows || model.Adapter(module) is not null;
            foreach (string key in (string[])[name, .. target.Alias is { } alias ? new[] { alias } : []])
            {
                writer.AddSaved(
                    target, ModelWeights.Fill<float>(value),
                    wrapped ? AdapterKeys.SavedUnderAdapter(key, hasRows) : AdapterKeys.Saved(key));
            }
        }

        foreach (TokenTarget target in model.TokenTargets)
        {
            writer.AddTokenRows(target, ModelWeights.Fill<float>(model.TokenRows.Single(rows => rows.Module == target.Module).Values));
        }

        writer.Write(folder);
        if (config.Form is { FileType: null } && FormFile.Parts(model).Any())
        {
            FormFile.Write(model, Path.Combine(folder, FormFile.Name));
        }
    }

    /// <summary>
    /// What files call an adapted layer: PEFT takes a model without a head as its body alone, whose names have no prefix. Where a file
    /// holds more than the factors, or names layers by patterns, the model's names stay.
    /// </summary>
    private static string NameInFile(TransformerModel model, AdapterConfig config, string module)
    {
        string prefix = model.Architecture.BasePrefix;
        bool isPlain = config.Form is null && config.RankPattern.Count == 0 && config.AlphaPattern.Count == 0
            && model.TokenTargets.Count == 0 && !model.SavedParameters.Any();
        return isPlain && model.Architecture.Head.MakesVectors() && module.StartsWith(prefix, StringComparison.Ordinal)
            ? module[prefix.Length..]
            : module;
    }

    /// <summary>Refuses an adapter that cannot become part of the weights.</summary>
    internal static void RequireMergeable(AdapterFile file)
    {
        RequirePublishedBase(file);
        if (file.Config.Form is { Unmergeable: { } reason } form)
        {
            throw new ModelFileException(file.FolderPath, $"an adapter of {form.Name} cannot be merged into the weights: {reason}.");
        }
    }

    /// <summary>Refuses factors of a base that was changed before training.</summary>
    internal static void RequirePublishedBase(AdapterFile file)
    {
        if (file.Config.InitChangesBaseWeights)
        {
            throw new ModelFileException(
                file.FolderPath,
                $"init_lora_weights is {file.Config.InitLoraWeights}: these factors belong to a base without its leading "
                + "part, not to the model as it was published. "
                + "Save the adapter with PEFT's path_initial_model_for_weight_conversion, which takes the start back out.");
        }
    }

    private static AdapterBinding Bind(
        Architecture architecture,
        AdapterFile file,
        IReadOnlyList<AdapterTarget> targets,
        IReadOnlyList<string> saved,
        IReadOnlyList<TokenTarget> tokens,
        bool allowMissing)
    {
        string? body = architecture.Head.MakesVectors() ? architecture.BasePrefix : null;
        AdapterBinding binding = file.Bind(targets, [.. saved.Select(name => Saved(architecture, name))], allowMissing, tokens, body);
        binding.IdleEntries = [.. IdleEntries.Find(architecture, file.Config).Select(entry => entry.ToString())];
        return binding;
    }

    /// <summary>Copies the tensors of the adapters' forms.</summary>
    private static void LoadForms(TransformerModel model, AdapterFile file)
    {
        string exact = Path.Combine(file.FolderPath, FormFile.Name);
        using SafetensorsFile? beside = file.Config.Form is null && File.Exists(exact) ? SafetensorsFile.Open(exact) : null;
        foreach ((LoraLinear adapter, StoredPart part) in FormFile.Parts(model))
        {
            if ((FormFile.Find(part, beside) ?? file.FormTensors.GetValueOrDefault(part.Name)) is { } tensor)
            {
                part.Write(adapter, FormFile.Numbers(tensor, part));
            }
        }

        foreach (LoraLinear adapter in model.Adapters)
        {
            adapter.Form?.Loaded(adapter);
        }
    }

    /// <summary>Refuses gates that whoever takes the factors for plain LoRA would leave out.</summary>
    private static void RequirePlainWithoutGates(AdapterFile file)
    {
        if (file.Config.Form is null && file.FormTensors.Count > 0)
        {
            throw new ModelFileException(
                file.FolderPath,
                $"the file holds gates of BeamLoRA ({file.FormTensors.Keys.First()}), without which these factors are another adapter. "
                + $"Go on with {Setting.Of("method", "beamlora")}, or take the adapter that its run has written.");
        }
    }

    /// <summary>Copies what an adapter has in place of the model's parameters: whole ones, then rows of single tokens.</summary>
    private static void LoadSaved(TransformerModel model, AdapterBinding binding, IReadOnlyList<TokenTarget> tokens)
    {
        foreach ((string name, SafetensorsTensor tensor) in binding.SavedParameters)
        {
            ModelWeights.Upload(tensor, model.Parameter(name));
        }

        foreach (TokenTarget target in tokens)
        {
            if (!binding.TokenRows.TryGetValue(target.Module, out SafetensorsTensor? tensor))
            {
                continue;
            }

            if (model.TokenRows.FirstOrDefault(rows => rows.Module == target.Module) is { } trained)
            {
                ModelWeights.Upload(tensor, trained.Values);
                continue;
            }

            float[] values = tensor.ToFloat32();
            for (int i = 0; i < target.Indices.Count; i++)
            {
                ModelWeights.Write(
                    model.Parameter(target.Parameter),
                    values.AsSpan(i * target.Columns, target.Columns),
                    (long)target.Indices[i] * target.Columns);
            }
        }
    }

    private static SavedTarget Saved(Architecture architecture, string parameter)
    {
        ParameterSpec spec = architecture.Parameters.First(spec => spec.Name == parameter);
        return new SavedTarget(parameter, ModelWeights.Longs(spec.Shape))
        {
            Alias = TrainedTokens.TiedOutput(architecture) is { } output && parameter == $"{architecture.InputEmbeddings}.weight"
                ? $"{output}.weight"
                : null,
        };
    }

    /// <summary>The parameter that a name stands for, which may be that of an output layer tied to it.</summary>
    private static string ParameterOf(Architecture architecture, string name) =>
        TrainedTokens.TiedOutput(architecture) is { } output && name == $"{output}.weight"
            ? $"{architecture.InputEmbeddings}.weight"
            : name;

    /// <summary>The linear layers of a model by their modules' names.</summary>
    private static Dictionary<string, LinearSpec> LinearsOf(Architecture architecture) =>
        architecture.LinearGroups.SelectMany(group => group).ToDictionary(linear => linear.Module, StringComparer.Ordinal);

    private static TensorFill<float> Fill(float[] values) =>
        (first, destination) => values.AsSpan((int)first, destination.Length).CopyTo(destination);

    /// <summary>The pairs that an adapter file holds of a layer beside its adapter's own.</summary>
    private static IReadOnlyList<(float[] A, float[] B)> FurtherPairs(LoraLinear adapter, AdapterConfig config) =>
        adapter.Removed is { } removed ? [(removed.A, [.. removed.B.Select(value => -value)])]
        : config.HoldsBaseWeights ? []
        : [.. adapter.Merged.Select(pair => (pair.A.View<float>().ToArray(), pair.B.View<float>().ToArray()))];

    /// <summary>Matrices [rows, rank] as one.</summary>
    private static float[] SideBySide(IReadOnlyList<float[]> matrices, int rank)
    {
        int width = matrices.Count * rank;
        var joined = new float[matrices.Count * matrices[0].Length];
        for (int m = 0; m < matrices.Count; m++)
        {
            for (int i = 0; i < matrices[m].Length; i++)
            {
                joined[(i / rank * width) + (m * rank) + (i % rank)] = matrices[m][i];
            }
        }

        return joined;
    }

    private static AdapterTarget Target(LoraLinear adapter) => new(adapter.Module, adapter.Weight.Shape.Columns, adapter.Weight.Shape.Rows);
}
