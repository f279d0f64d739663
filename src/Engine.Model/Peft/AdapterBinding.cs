using Engine.Model.Safetensors;

namespace Engine.Model.Peft;

/// <summary>A linear layer of a model that an adapter sits on.</summary>
/// <param name="Module">The layer's name in the model.</param>
/// <param name="InFeatures">Columns of its weight [out, in].</param>
/// <param name="OutFeatures">Rows of its weight [out, in].</param>
public sealed record AdapterTarget(string Module, int InFeatures, int OutFeatures);

/// <summary>A parameter of a model that an adapter trains in full.</summary>
/// <param name="Parameter">The parameter's name in the model.</param>
/// <param name="Shape">Its shape.</param>
public sealed record SavedTarget(string Parameter, IReadOnlyList<long> Shape);

/// <summary>Which tensors of an adapter file belong to which layers and parameters of a model; all shapes agree.</summary>
public sealed class AdapterBinding
{
    private AdapterBinding(
        IReadOnlyList<LoraTensors> modules, IReadOnlyDictionary<string, SafetensorsTensor> savedParameters, IReadOnlyList<string> missing, IReadOnlyList<string> unused, (string From, string To)? renamedPrefix)
    {
        RenamedPrefix = renamedPrefix;
        Modules = modules;
        SavedParameters = savedParameters;
        Missing = missing;
        Unused = unused;
    }

    /// <summary>The adapted layers that the file holds, in the order of the model's.</summary>
    public IReadOnlyList<LoraTensors> Modules { get; }

    /// <summary>The parameters stored whole that the file holds, by name.</summary>
    public IReadOnlyDictionary<string, SafetensorsTensor> SavedParameters { get; }

    /// <summary>The keys the model needs and the file lacks.</summary>
    public IReadOnlyList<string> Missing { get; }

    /// <summary>The keys of the file that belong to nothing in the model.</summary>
    public IReadOnlyList<string> Unused { get; }

    /// <summary>The beginning of the file's module names and what it is in the model; null where names are the same.</summary>
    public (string From, string To)? RenamedPrefix { get; }

    /// <summary>Keys of the adapter's configuration that are not known, and so have no effect.</summary>
    public required IReadOnlyList<string> UnknownKeys { get; init; }

    internal static AdapterBinding Create(AdapterFile file, IReadOnlyList<AdapterTarget> targets, IReadOnlyList<SavedTarget> saved, (string From, string To)? renamedPrefix)
    {
        List<LoraTensors> modules = [];
        List<string> missing = [];
        foreach (AdapterTarget target in targets)
        {
            if (NameInFile(target.Module, renamedPrefix) is { } name && file.Modules.TryGetValue(name, out LoraTensors? tensors))
            {
                tensors.A.RequireShape(tensors.Rank, target.InFeatures);
                tensors.B.RequireShape(target.OutFeatures, tensors.Rank);
                modules.Add(tensors with { Module = target.Module });
            }
            else
            {
                missing.AddRange([AdapterKeys.LoraA(target.Module), AdapterKeys.LoraB(target.Module)]);
                if (file.Config.UseDora)
                {
                    missing.Add(AdapterKeys.Magnitude(target.Module));
                }
            }
        }

        Dictionary<string, SafetensorsTensor> parameters = new(StringComparer.Ordinal);
        foreach (SavedTarget target in saved)
        {
            if (file.SavedParameters.TryGetValue(target.Parameter, out SafetensorsTensor? tensor))
            {
                parameters.Add(target.Parameter, tensor.RequireShape(target.Shape.ToArray()));
            }
            else
            {
                missing.Add(AdapterKeys.Saved(target.Parameter));
            }
        }

        HashSet<string> used = modules.Select(module => NameInFile(module.Module, renamedPrefix)!).ToHashSet(StringComparer.Ordinal);
        string[] unused =
        [
            .. file.Modules.Values.Where(module => !used.Contains(module.Module)).SelectMany(module => new[] { module.A.Name, module.B.Name }),
            .. file.SavedParameters.Where(pair => !parameters.ContainsKey(pair.Key)).Select(pair => pair.Value.Name),
        ];
        return new AdapterBinding(modules, parameters, missing, unused, renamedPrefix) { UnknownKeys = file.Config.UnknownKeys };
    }

    /// <summary>What the file calls a module; null where the module cannot be in it.</summary>
    private static string? NameInFile(string module, (string From, string To)? renamedPrefix) => renamedPrefix is not var (from, to)
        ? module
        : module.StartsWith(to, StringComparison.Ordinal) ? from + module[to.Length..] : null;
}
