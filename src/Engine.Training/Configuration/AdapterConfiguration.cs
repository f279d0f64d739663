using Engine.Common.Keys;
using Engine.Model.Peft;

namespace Engine.Training.Configuration;

/// <summary>The section <c>adapter</c>. A key that is absent is null here: its default is PEFT's, or what the folder in <c>init</c> says.</summary>
public sealed record AdapterConfiguration
{
    [Key("Rank of the update.", Minimum = 1, Maximum = 1 << 16, Default = "8")]
    public int? R { get; init; }

    [Key("Scale of the update: it is multiplied by lora_alpha / r.", Minimum = 0, Above = true, Default = "8")]
    public double? LoraAlpha { get; init; }

    [Key("Dropout on the adapter's input.", Minimum = 0, Maximum = 1, Below = true, Default = "0")]
    public double? LoraDropout { get; init; }

    [Key("Linear layers that get an adapter: a list of module names or their ends, or one regular expression over full names, or all-linear.", Default = "as PEFT has it for the architecture")]
    public ModulePattern? TargetModules { get; init; }

    [Key("Modules left out although target_modules names them: a list or one regular expression.", Default = "none")]
    public ModulePattern? ExcludeModules { get; init; }

    [Key("Numbers of the layers that get an adapter; target_modules is then a list.", Default = "all")]
    public IReadOnlyList<int>? LayersToTransform { get; init; }

    [Key("Names of the lists of layers that layers_to_transform counts in.", Default = "any")]
    public IReadOnlyList<string>? LayersPattern { get; init; }

    [Key("Modules trained and saved in full beside the adapter.", Default = "the new head")]
    public IReadOnlyList<string>? ModulesToSave { get; init; }

    [Key("Tokens whose embeddings are trained and saved, the others left as they are: a list of ids, or a map of embedding modules to lists.", Default = "none")]
    public IReadOnlyList<TokenIndices>? TrainableTokenIndices { get; init; }

    [Key("Embeddings that are also the output layer stay one where the adapter trains them; false: a copy is trained in one place, as PEFT has it.", Default = "false")]
    public bool? EnsureWeightTying { get; init; }

    [Key("Scale by lora_alpha / sqrt(r) instead.", Default = "false")]
    public bool? UseRslora { get; init; }

    [Key("DoRA: the row norms of each adapted weight are trained apart from its direction.", Default = "false")]
    public bool? UseDora { get; init; }

    [Key("What a new adapter starts from: true (A at random, B zero), gaussian, or pissa (the weight's leading singular part; pissa_niter_N is computed as exactly).", Default = "true")]
    public string? InitLoraWeights { get; init; }

    [Key("Ranks that differ from r: module names, their ends, or regular expressions; the first that matches counts.", Minimum = 1, Maximum = 1 << 16, Default = "none")]
    public IReadOnlyList<KeyValuePair<string, int>>? RankPattern { get; init; }

    [Key("lora_alpha likewise.", Minimum = 0, Above = true, Default = "none")]
    public IReadOnlyList<KeyValuePair<string, double>>? AlphaPattern { get; init; }

    [Key("PEFT folder whose adapter is the start; the keys above are then read from it.", IsPath = true, Default = "a new adapter")]
    public string? Init { get; init; }
}
