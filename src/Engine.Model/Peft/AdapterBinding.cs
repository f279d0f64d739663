using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Model.Forms;
using Engine.Model.Loading;
using Engine.Safetensors;

namespace Engine.Model.Peft;

/// <summary>A linear layer of a model that an adapter sits on.</summary>
/// <param name="Module">The layer's name in the model.</param>
/// <param name="InFeatures">Columns of its weight [out, in].</param>
/// <param name="OutFeatures">Rows of its weight [out, in].</param>
internal sealed record AdapterTarget(string Module, int InFeatures, int OutFeatures)
{
    internal LinearSpec Linear => new(Module, OutFeatures, InFeatures);
}

/// <summary>A parameter of a model that an adapter stores in full.</summary>
/// <param name="Parameter">The parameter's name in the model.</param>
/// <param name="Shape">Its shape.</param>
internal sealed record SavedTarget(string Parameter, IReadOnlyList<long> Shape)
{
    /// <summary>Another name that a file may hold it under, too or instead: that of an output layer tied to it. Null for none.</summary>
    public string? Alias { get; init; }
}

/// <summary>Tokens whose rows of a table are an adapter's (PEFT's <c>trainable_token_indices</c>).</summary>
/// <param name="Module">The word embeddings' or the output layer's module; where they are tied, the word embeddings'.</param>
/// <param name="Indices">The tokens' ids, each once.</param>
/// <param name="Columns">Columns of the module's weight.</param>
internal sealed record TokenTarget(string Module, IReadOnlyList<int> Indices, int Columns)
{
    /// <summary>The table's name in the model.</summary>
    public string Parameter => $"{Module}.weight";

    /// <summary>The output layer's module where it is tied to this one: files hold the rows under it, too. Null for none.</summary>
    public string? Alias { get; init; }
}

/// <summary>Which tensors of an adapter file belong to which layers and parameters of a model; all shapes agree.</summary>
internal sealed class AdapterBinding
{
    private AdapterBinding()
    {
    }

    /// <summary>The adapted layers that the file holds, in the order of the model's.</summary>
    public required IReadOnlyList<LoraTensors> Modules { get; init; }

    /// <summary>The tensors of the adapter's form, by their names without PEFT's prefix, where its files are not LoRA's.</summary>
    internal IReadOnlyDictionary<string, SafetensorsTensor> FormTensors { get; private init; } =
        new Dictionary<string, SafetensorsTensor>();

    /// <summary>The parameters stored whole that the file holds, by name.</summary>
    public required IReadOnlyDictionary<string, SafetensorsTensor> SavedParameters { get; init; }

    /// <summary>The token rows that the file holds, by module.</summary>
    public required IReadOnlyDictionary<string, SafetensorsTensor> TokenRows { get; init; }

    /// <summary>The keys the model needs and the file lacks.</summary>
    public required IReadOnlyList<string> Missing { get; init; }

    /// <summary>The keys of the file that belong to nothing in the model.</summary>
    public required IReadOnlyList<string> Unused { get; set; }

    /// <summary>The beginning of the file's module names and what it is in the model; null where names are the same.</summary>
    public required (string From, string To)? RenamedPrefix { get; set; }

    /// <summary>Keys of the adapter's configuration that are not known, and so have no effect.</summary>
    public required IReadOnlyList<string> UnknownKeys { get; init; }

    /// <summary>Entries of the adapter's configuration that match nothing in the model, in words.</summary>
    public IReadOnlyList<string> IdleEntries { get; internal set; } = [];

    internal static AdapterBinding Create(
        AdapterFile file, IReadOnlyList<AdapterTarget> targets, IReadOnlyList<SavedTarget> saved, IReadOnlyList<TokenTarget> tokens,
        (string From, string To)? renamedPrefix)
    {
        List<LoraTensors> modules = [];
        List<string> missing = [];
        Dictionary<string, SafetensorsTensor> parts = new(StringComparer.Ordinal);
        foreach (AdapterTarget target in file.Config.Form is null ? targets : [])
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

        IEnumerable<StoredPart> stored =
            file.Config.Form?.Stored([.. targets.Select(target => (target.Linear, file.Config.RankOf(target.Module)))])
                .SelectMany(layer => layer.Parts) ?? [];
        foreach (StoredPart part in stored.DistinctBy(part => part.Name))
        {
            if (file.FormTensors.TryGetValue(part.Name, out SafetensorsTensor? tensor))
            {
                parts[part.Name] = tensor.RequireShape(ModelWeights.Longs(part.Shape));
            }
            else
            {
                missing.Add(AdapterKeys.Prefix + part.Name);
            }
        }

        HashSet<string> used = modules.Select(module => NameInFile(module.Module, renamedPrefix)!).ToHashSet(StringComparer.Ordinal);
        HashSet<SafetensorsTensor> taken = [];
        Dictionary<string, SafetensorsTensor> parameters = new(StringComparer.Ordinal);
        foreach (SavedTarget target in saved)
        {
            if (Take(file.SavedParameters, target.Parameter, target.Alias, taken) is { } tensor)
            {
                parameters.Add(target.Parameter, tensor.RequireShape(target.Shape.ToArray()));
            }
            else
            {
                missing.Add(AdapterKeys.Saved(target.Parameter));
            }
        }

        Dictionary<string, SafetensorsTensor> rows = new(StringComparer.Ordinal);
        foreach (TokenTarget target in tokens)
        {
            if (Take(file.TokenRows, target.Module, target.Alias, taken) is { } tensor)
            {
                rows.Add(target.Module, tensor.RequireShape(target.Indices.Count, target.Columns));
            }
            else
            {
                missing.Add(AdapterKeys.TokenRows(target.Module));
            }
        }

        return new AdapterBinding
        {
            Modules = modules,
            FormTensors = parts,
            SavedParameters = parameters,
            TokenRows = rows,
            Missing = missing,
            Unused =
            [
                .. file.Modules.Values.Where(module => !used.Contains(module.Module))
                    .SelectMany(module => new[] { module.A.Name, module.B.Name }),
                .. file.Config.Form is null
                    ? []
                    : file.FormTensors.Where(pair => !parts.ContainsKey(pair.Key)).Select(pair => pair.Value.Name),
                .. file.SavedParameters.Values.Concat(file.TokenRows.Values)
                    .Where(tensor => !taken.Contains(tensor)).Select(tensor => tensor.Name),
            ],
            RenamedPrefix = renamedPrefix,
            UnknownKeys = file.Config.UnknownKeys,
        };
    }

    /// <summary>The tensor of a name, or of another name for the same; where the file has both they must be one.</summary>
    private static SafetensorsTensor? Take(
        IReadOnlyDictionary<string, SafetensorsTensor> tensors, string name, string? alias, HashSet<SafetensorsTensor> taken)
    {
        SafetensorsTensor? tensor = tensors.GetValueOrDefault(name), other = alias is null ? null : tensors.GetValueOrDefault(alias);
        if (tensor is not null && other is not null)
        {
            ModelWeights.RequireEqual(other, tensor);
        }

        taken.UnionWith(new[] { tensor, other }.OfType<SafetensorsTensor>());
        return tensor ?? other;
    }

    /// <summary>What the file calls a module; null where the module cannot be in it.</summary>
    private static string? NameInFile(string module, (string From, string To)? renamedPrefix) => renamedPrefix is not var (from, to)
        ? module
        : module.StartsWith(to, StringComparison.Ordinal) ? from + module[to.Length..] : null;
}
