using Engine.Common.Keys;
using Engine.Model.Peft;

namespace Engine.Training.Configuration;

/// <summary>
/// The section <c>adapter</c>. A key that is absent is null here: its default is PEFT's, or what the folder in <c>init</c> says.
/// </summary>
public sealed record AdapterConfiguration
{
    /// <summary>Rank of the update.</summary>
    /// <value>Default: 8.</value>
    [Key(Minimum = 1, Maximum = 1 << 16, Default = "8")]
    public int? R { get; init; }

    /// <summary>Scale of the update: it is multiplied by lora_alpha / r.</summary>
    /// <value>Default: 8.</value>
    [Key(Minimum = 0, Above = true, Default = "8")]
    public double? LoraAlpha { get; init; }

    /// <summary>Dropout on the adapter's input.</summary>
    /// <value>Default: 0.</value>
    [Key(Minimum = 0, Maximum = 1, Below = true, Default = "0")]
    public double? LoraDropout { get; init; }

    /// <summary>
    /// Linear layers that get an adapter: a list of module names or their ends, or one regular expression over full names, or all-linear.
    /// </summary>
    /// <value>Default: as PEFT has it for the architecture.</value>
    [Key(Default = "as PEFT has it for the architecture")]
    public ModulePattern? TargetModules { get; init; }

    /// <summary>Modules left out although target_modules names them: a list or one regular expression.</summary>
    /// <value>Default: none.</value>
    [Key(Default = "none")]
    public ModulePattern? ExcludeModules { get; init; }

    /// <summary>Numbers of the layers that get an adapter; target_modules is then a list.</summary>
    /// <value>Default: all.</value>
    [Key(Default = "all")]
    public IReadOnlyList<int>? LayersToTransform { get; init; }

    /// <summary>Names of the lists of layers that layers_to_transform counts in.</summary>
    /// <value>Default: any.</value>
    [Key(Default = "any")]
    public IReadOnlyList<string>? LayersPattern { get; init; }

    /// <summary>Modules trained and saved in full beside the adapter.</summary>
    /// <value>Default: the new head.</value>
    [Key(Default = "the new head")]
    public IReadOnlyList<string>? ModulesToSave { get; init; }

    /// <summary>
    /// Tokens whose embeddings are trained and saved, the others left as they are: a list of ids, or a map of embedding modules to lists.
    /// </summary>
    /// <value>Default: none.</value>
    [Key(Default = "none")]
    public IReadOnlyList<TokenIndices>? TrainableTokenIndices { get; init; }

    /// <summary>
    /// Embeddings that are also the output layer stay one where the adapter trains them; false: a copy is trained in one place, as PEFT has
    /// it.
    /// </summary>
    /// <value>Default: false.</value>
    [Key(Default = "false")]
    public bool? EnsureWeightTying { get; init; }

    /// <summary>Scale by lora_alpha / sqrt(r) instead.</summary>
    /// <value>Default: false.</value>
    [Key(Default = "false")]
    public bool? UseRslora { get; init; }

    /// <summary>DoRA: the row norms of each adapted weight are trained apart from its direction.</summary>
    /// <value>Default: false.</value>
    [Key(Default = "false")]
    public bool? UseDora { get; init; }

    /// <summary>
    /// What a new adapter starts from: true (A at random, B zero), gaussian, or pissa (the weight's leading singular part; pissa_niter_N is
    /// computed as exactly).
    /// </summary>
    /// <value>Default: true.</value>
    [Key(Default = "true")]
    public string? InitLoraWeights { get; init; }

    /// <summary>Ranks that differ from r: module names, their ends, or regular expressions; the first that matches counts.</summary>
    /// <value>Default: none.</value>
    [Key(Minimum = 1, Maximum = 1 << 16, Default = "none")]
    public IReadOnlyList<KeyValuePair<string, int>>? RankPattern { get; init; }

    /// <summary>lora_alpha likewise.</summary>
    /// <value>Default: none.</value>
    [Key(Minimum = 0, Above = true, Default = "none")]
    public IReadOnlyList<KeyValuePair<string, double>>? AlphaPattern { get; init; }

    /// <summary>PEFT folder whose adapter is the start; the keys above are then read from it.</summary>
    /// <value>Default: a new adapter.</value>
    [Key(IsPath = true, Default = "a new adapter")]
    public string? Init { get; init; }
}
