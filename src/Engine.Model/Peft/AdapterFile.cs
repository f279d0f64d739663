using Engine.Common.Files;
using Engine.Model.Batching;
using Engine.Safetensors;

namespace Engine.Model.Peft;

/// <summary>The stored tensors of one adapted linear layer.</summary>
/// <param name="Module">The layer's name in the model.</param>
/// <param name="A">A [rank, in].</param>
/// <param name="B">B [out, rank].</param>
/// <param name="Magnitude">DoRA's magnitudes [out]; null without DoRA.</param>
internal sealed record LoraTensors(string Module, SafetensorsTensor A, SafetensorsTensor B, SafetensorsTensor? Magnitude)
{
    /// <summary>The rank of the pair.</summary>
    public int Rank => (int)A.Shape[0];
}

/// <summary>An open adapter folder as PEFT writes it: <c>adapter_config.json</c> and <c>adapter_model.safetensors</c>.</summary>
internal sealed class AdapterFile : IDisposable
{
    /// <summary>The name of the weight file in an adapter folder.</summary>
    public const string WeightsFileName = "adapter_model.safetensors";

    private readonly SafetensorsFile file;
    private readonly SortedDictionary<string, LoraTensors> modules = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, SafetensorsTensor> saved = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, SafetensorsTensor> tokenRows = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, SafetensorsTensor> formTensors = new(StringComparer.Ordinal);

    private AdapterFile(string folder, AdapterConfig config, SafetensorsFile file)
    {
        FolderPath = folder;
        Config = config;
        this.file = file;
    }

    /// <summary>The folder, as it was given.</summary>
    public string FolderPath { get; }

    /// <summary>The adapter's configuration.</summary>
    public AdapterConfig Config { get; }

    /// <summary>The adapted layers by their name in the model.</summary>
    public IReadOnlyDictionary<string, LoraTensors> Modules => modules;

    /// <summary>
    /// The parameters that are stored whole (<c>modules_to_save</c>, embeddings that take the place of the base model's), by their name in
    /// the model.
    /// </summary>
    public IReadOnlyDictionary<string, SafetensorsTensor> SavedParameters => saved;

    /// <summary>
    /// The rows of single tokens [tokens, columns] (<c>trainable_token_indices</c>), by the module whose weight they are in.
    /// </summary>
    public IReadOnlyDictionary<string, SafetensorsTensor> TokenRows => tokenRows;

    /// <summary>The tensors of the adapter's form, by their names without PEFT's prefix.</summary>
    public IReadOnlyDictionary<string, SafetensorsTensor> FormTensors => formTensors;

    /// <summary>All tensors of the file, in its order.</summary>
    internal IReadOnlyList<SafetensorsTensor> Tensors => file.Tensors;

    /// <summary>Opens an adapter folder and checks that each A has its B, with the rank and the parts the configuration says.</summary>
    /// <param name="folder">The adapter's folder.</param>
    /// <exception cref="ModelFileException">A file is missing or wrong; the message names the file, the key, what was expected and what was
    /// found.</exception>
    public static AdapterFile Read(string folder)
    {
        AdapterConfig config = AdapterConfig.Read(folder);
        string path = Path.Combine(folder, WeightsFileName);
        if (!File.Exists(path))
        {
            throw new ModelFileException(folder, OtherWeights.Missing(folder, WeightsFileName, index: null, "PEFT"));
        }

        AdapterFile adapter = new(folder, config, SafetensorsFile.Open(path));
        try
        {
            adapter.Sort();
            return adapter;
        }
        catch
        {
            adapter.Dispose();
            throw;
        }
    }

    /// <summary>Releases the weight file; its tensors cannot be read afterwards.</summary>
    public void Dispose() => file.Dispose();

    /// <summary>Holds the file against a model: which tensors go where, and that all shapes agree.</summary>
    /// <param name="targets">The linear layers the adapter should sit on (see <see cref="TargetModules"/>).</param>
    /// <param name="saved">The parameters that should be stored whole (see <see cref="SavedModules"/>).</param>
    /// <param name="tokens">The tokens that should have rows of their own; null for none.</param>
    /// <param name="allowMissing">
    /// Whether tensors that the file lacks, or has too many, are returned instead of refused, and names are taken as the same where all
    /// differ from the model's by one prefix.
    /// </param>
    /// <param name="body">
    /// The prefix of a model without a head: parameters of other names, which are a head's, are left aside. Null: the model is whole.
    /// </param>
    /// <exception cref="ModelFileException">Tensors are missing or left over (unless allowed), none fits, or a shape differs.</exception>
    public AdapterBinding Bind(
        IReadOnlyList<AdapterTarget> targets,
        IReadOnlyList<SavedTarget> saved,
        bool allowMissing = false,
        IReadOnlyList<TokenTarget>? tokens = null,
        string? body = null)
    {
        AdapterBinding binding = AdapterBinding.Create(this, targets, saved, tokens ?? [], renamedPrefix: null);
        bool isOfBody = body is not null && modules.Count > 0
            && !modules.Keys.Any(name => name.StartsWith(body, StringComparison.Ordinal));
        if (isOfBody)
        {
            // A model without a head has no prefix for its body, and neither have PEFT's names of its layers.
            binding = AdapterBinding.Create(this, targets, saved, tokens ?? [], ("", body!));
            binding.RenamedPrefix = null;
        }

        if (binding.Modules.Count == 0 && Config.Form is null && allowMissing && OtherPrefix(targets) is { } prefix
            && WithoutPlace(targets, prefix) is null)
        {
            binding = AdapterBinding.Create(this, targets, saved, tokens ?? [], prefix);
        }

        if (binding.Modules.Count == 0 && binding.FormTensors.Count == 0 && binding.SavedParameters.Count == 0
            && binding.TokenRows.Count == 0)
        {
            throw NotFitting($"no tensor fits the model. {NamesOnBothSides(targets)}", allowMissing);
        }

        if (!allowMissing && binding.Missing.Count > 0)
        {
            string are = binding.Missing.Count == 1 ? "1 tensor is" : $"{binding.Missing.Count} tensors are";
            throw NotFitting($"{are} missing: {Shortened(binding.Missing)}. {NamesOnBothSides(targets)}", allowMissing);
        }

        bool takesAll = body is null || isOfBody;
        string[] unused =
            [.. binding.Unused.Where(name => takesAll || name.StartsWith(AdapterKeys.Prefix + body, StringComparison.Ordinal))];
        if (!allowMissing && unused.Length > 0)
        {
            string belong = unused.Length == 1 ? "1 tensor belongs" : $"{unused.Length} tensors belong";
            throw NotFitting($"{belong} to nothing in the model: {Shortened(unused)}. {NamesOnBothSides(targets)}", allowMissing);
        }

        binding.Unused = unused;
        return binding;
    }

    internal static string Shortened(IReadOnlyList<string> names)
    {
        const int Shown = 6;
        return string.Join(", ", names.Take(Shown)) + (names.Count > Shown ? ", ..." : "");
    }

    /// <summary>
    /// The prefix by which the file's first module differs from the layer of the model whose name ends most like its own; null where no
    /// name ends so.
    /// </summary>
    private (string From, string To)? OtherPrefix(IReadOnlyList<AdapterTarget> targets)
    {
        if (modules.Count == 0)
        {
            return null;
        }

        string[] first = modules.Keys.First().Split('.');
        (int Length, string Module) best = targets
            .Select(target => (Length: SharedEnd(first, target.Module.Split('.')), target.Module))
            .DefaultIfEmpty((Length: 0, Module: ""))
            .MaxBy(pair => pair.Length);
        return best.Length > 0 ? (Prefix(first, best.Length), Prefix(best.Module.Split('.'), best.Length)) : null;

        static int SharedEnd(string[] left, string[] right)
        {
            int shared = 0;
            while (shared < left.Length && shared < right.Length && left[^(shared + 1)] == right[^(shared + 1)])
            {
                shared++;
            }

            return shared;
        }

        static string Prefix(string[] parts, int end) => string.Concat(parts[..^end].Select(part => part + "."));
    }

    /// <summary>A module of the file that is no layer of the model under another prefix either; null where all are.</summary>
    private string? WithoutPlace(IReadOnlyList<AdapterTarget> targets, (string From, string To) prefix)
    {
        HashSet<string> inModel = targets.Select(target => target.Module).ToHashSet(StringComparer.Ordinal);
        return modules.Keys.FirstOrDefault(name =>
            !name.StartsWith(prefix.From, StringComparison.Ordinal) || !inModel.Contains(prefix.To + name[prefix.From.Length..]));
    }

    /// <summary>A refusal, which whoever knows better can lift where that is not done already.</summary>
    private ModelFileException NotFitting(string problem, bool allowMissing) => new(file.FilePath, problem)
    {
        Settings = allowMissing ? [] : [nameof(MergeOptions.AllowMissing)],
    };

    private string NamesOnBothSides(IReadOnlyList<AdapterTarget> targets)
    {
        string? inFile = modules.Keys.FirstOrDefault(name => targets.All(target => target.Module != name));
        if (inFile is null || targets.Count == 0)
        {
            return "";
        }

        string names = $"The file has modules such as {inFile}, the model such as {targets[0].Module}";
        return OtherPrefix(targets) is not { } prefix ? $"{names}: they are of other models."
            : WithoutPlace(targets, prefix) is not { } odd
            ? $"{names}; if they are the same under another prefix, allow missing tensors to take them so."
            : prefix.From == prefix.To ? $"{odd} of the file is not in the model; it is of a model with more or other layers."
            : $"{names}; with '{prefix.To}' for '{prefix.From}' {odd} of the file is still not in the model, "
                + "so it is of a model with more or other layers.";
    }

    private void Sort()
    {
        Dictionary<string, Dictionary<AdapterKeyKind, SafetensorsTensor>> parts = new(StringComparer.Ordinal);
        foreach (SafetensorsTensor tensor in file.Tensors.OrderBy(tensor => AdapterKeys.IsCopyInMemory(tensor.Name)))
        {
            if (!AdapterKeys.TryParse(tensor.Name, Config.Form, out AdapterKey key, out string? problem))
            {
                throw Bad($"the key '{tensor.Name}': {problem}");
            }

            if (!tensor.Type.IsFloatingPoint())
            {
                throw Bad($"tensor '{tensor.Name}' holds {tensor.Type.HeaderName()}; a floating-point type was expected.");
            }

            string name = key.Name;
            bool added = key.Kind switch
            {
                AdapterKeyKind.Original => true,
                AdapterKeyKind.SavedParameter => saved.TryAdd(name, tensor) || AdapterKeys.IsCopyInMemory(tensor.Name),
                AdapterKeyKind.TokenRows => tokenRows.TryAdd(name, tensor),
                AdapterKeyKind.FormPart => formTensors.TryAdd(name, tensor),
                _ => Parts(name).TryAdd(key.Kind, tensor),
            };
            if (!added)
            {
                throw Bad($"the key '{tensor.Name}' stands for '{name}', which another key of the file also gives.");
            }
        }

        foreach ((string module, Dictionary<AdapterKeyKind, SafetensorsTensor> ofModule) in parts)
        {
            modules.Add(module, Checked(module, ofModule));
            if (Config.HoldsBaseWeights && !saved.ContainsKey($"{module}.weight"))
            {
                string key = AdapterKeys.SavedUnderAdapter($"{module}.weight", tokens: false);
                throw Bad(
                    $"module '{module}' has no {key}, but by its peft_type the file holds the base weights that its factors belong to.");
            }
        }

        Dictionary<AdapterKeyKind, SafetensorsTensor> Parts(string module) =>
            parts.TryGetValue(module, out Dictionary<AdapterKeyKind, SafetensorsTensor>? known) ? known : parts[module] = [];
    }

    private LoraTensors Checked(string module, Dictionary<AdapterKeyKind, SafetensorsTensor> parts)
    {
        SafetensorsTensor a = parts.GetValueOrDefault(AdapterKeyKind.LoraA) ?? throw Bad($"module '{module}' has no lora_A.weight.");
        SafetensorsTensor b = parts.GetValueOrDefault(AdapterKeyKind.LoraB) ?? throw Bad($"module '{module}' has no lora_B.weight.");
        SafetensorsTensor? magnitude = parts.GetValueOrDefault(AdapterKeyKind.Magnitude);
        int rank = Config.RankOf(module);
        if (a.Shape.Count != 2 || a.Shape[0] != rank || b.Shape.Count != 2 || b.Shape[1] != rank)
        {
            throw Bad(
                $"module '{module}' has A [{string.Join(", ", a.Shape)}] and B [{string.Join(", ", b.Shape)}]; "
                + $"{AdapterConfig.FileName} gives it rank {rank}, so A [{rank}, in] and B [out, {rank}] were expected.");
        }

        if (Config.UseDora != magnitude is not null)
        {
            throw Bad(magnitude is null
                ? $"module '{module}' has no lora_magnitude_vector, but {AdapterConfig.FileName} says use_dora."
                : $"module '{module}' has a lora_magnitude_vector, but {AdapterConfig.FileName} does not say use_dora.");
        }

        magnitude?.RequireShape(b.Shape[0]);
        return new LoraTensors(module, a, b, magnitude);
    }

    private ModelFileException Bad(string problem) => new(file.FilePath, problem);
}
