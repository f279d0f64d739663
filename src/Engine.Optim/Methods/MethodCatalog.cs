using Engine.Common;

namespace Engine.Optim.Methods;

/// <summary>The training methods by their names in the run file.</summary>
public static class MethodCatalog
{
    private static readonly Dictionary<string, MuSchedule> MuSchedules = new(StringComparer.Ordinal)
    {
        ["constant"] = MuSchedule.Constant,
        ["linear"] = MuSchedule.Linear,
        ["cosine"] = MuSchedule.Cosine,
    };

    private static readonly Dictionary<string, AuxiliaryClip> Clips = new(StringComparer.Ordinal)
    {
        ["global"] = AuxiliaryClip.Global,
        ["per-layer"] = AuxiliaryClip.PerLayer,
        ["none"] = AuxiliaryClip.None,
    };

    /// <summary>Names of the literature that mean more than one method, or one by another name; in whatever spelling (<see cref="Letters"/>).</summary>
    private static readonly Dictionary<string, string> Meanings = new(StringComparer.Ordinal)
    {
        ["flatlora"] =
            $"the name has two meanings: {FlatLora.MethodName} is random perturbation of the full weight (ICML 2025, arXiv 2409.14396); {FmLora.MethodName}, and in one pass {EfmLora.MethodName}, "
            + "are adversarial perturbation through B, which the first version of the EFlat-LoRA paper (arXiv 2508.00522) calls Flat-LoRA and EFlat-LoRA",
        ["eflatlora"] = $"the paper (arXiv 2508.00522) calls it EFMLoRA in its later versions: {EfmLora.MethodName} (and its two-pass form {FmLora.MethodName}); {FlatLora.MethodName} is random perturbation (arXiv 2409.14396)",
        ["lora"] = "without a method, or with plain, adapters are trained as plain LoRA",
        ["dora"] = "DoRA is a kind of adapter: set adapter.use_dora: true",
        ["pissa"] = "PiSSA is a start of adapters: set adapter.init_lora_weights: pissa",
    };

    private static readonly Dictionary<string, Func<MethodParameters, TrainingMethod>> Methods = new(StringComparer.Ordinal)
    {
        [PlainMethod.MethodName] = _ => new PlainMethod(),
        [FlatLora.MethodName] = parameters => new FlatLora(Rho(parameters, 0.05), parameters.Seed("noise_seed", 42)),
        [Sam.MethodName] = parameters => new Sam(Rho(parameters, 0.05)),
        [LoraSam.MethodName] = parameters => new LoraSam(Rho(parameters, 0.05)),
        [Asam.MethodName] = parameters => new Asam(Rho(parameters, 0.5), parameters.Number("eta", 0.01, minimum: 0)),
        [Esam.MethodName] = parameters => new Esam(
            Rho(parameters, 0.05), parameters.Share("beta", 0.6), parameters.Share("gamma", 0.5), parameters.Seed("selection_seed", 42)),
        [LookSam.MethodName] = parameters => new LookSam(
            Rho(parameters, 0.1), parameters.Integer("k", 10, minimum: 1), parameters.Number("a", 0.7, minimum: 0)),
        [SlSam.MethodName] = parameters => new SlSam(Rho(parameters, 0.01), parameters.Share("s_frac", 0.2), parameters.Seed("selection_seed", 42)),
        [LoraPlus.MethodName] = parameters => new LoraPlus(parameters.Positive("ratio", 16)),
        [FmLora.MethodName] = parameters =>
        {
            double rho = Rho(parameters, 0.05);
            return new FmLora(rho, parameters.Number("rho_min", rho, minimum: 0, maximum: rho));
        },
        [EfmLora.MethodName] = parameters =>
        {
            double rho = Rho(parameters, 0.05);
            return new EfmLora(rho, parameters.Number("rho_min", rho, minimum: 0, maximum: rho), parameters.Share("beta", 0.9));
        },
        [BiLora.MethodName] = parameters => new BiLora(AuxiliaryOptions(parameters)),
        [Balancing.ByNormName] = parameters => Balance(parameters, byGradient: false),
        [Balancing.ByGradientName] = parameters => Balance(parameters, byGradient: true),
    };

    public static IReadOnlyCollection<string> Names => Methods.Keys;

    /// <summary>Parameters that are paths, relative to the run file.</summary>
    public static IReadOnlyCollection<string> PathParameters { get; } = ["auxiliary_init"];

    /// <summary>Makes a method from its name and parameters.</summary>
    /// <exception cref="ConfigurationException">An unknown method or parameter, or a value out of range.</exception>
    public static TrainingMethod Create(MethodParameters parameters)
    {
        if (!Methods.TryGetValue(parameters.Method, out Func<MethodParameters, TrainingMethod>? create))
        {
            string place = parameters.Location is { } location ? $"{location}: " : string.Empty;
            throw new ConfigurationException($"{place}There is no training method '{parameters.Method}'; {Meaning(parameters.Method)}.");
        }

        TrainingMethod method = create(parameters);
        method.Location = parameters.Location;
        parameters.Finish();
        return method;
    }

    /// <summary>Makes the methods of a run; none is plain fine-tuning.</summary>
    /// <exception cref="ConfigurationException">As above, or methods that do not go together.</exception>
    public static TrainingMethod Create(IReadOnlyList<MethodParameters> methods) => methods switch
    {
        [] => new PlainMethod(),
        [var single] => Create(single),
        _ => new MethodCombination([.. methods.Select(Create)]),
    };

    private static string Meaning(string name)
    {
        string letters = Letters(name);
        return Meanings.GetValueOrDefault(letters)
            ?? (Methods.Keys.FirstOrDefault(method => Letters(method) == letters) is { } spelled ? $"it is written {spelled} here" : NearestName.Hint(name, Methods.Keys));
    }

    /// <summary>A name without what spellings differ in: Flat-LoRA, flat_lora and FlatLoRA are one, and LoRA+ is lora-plus.</summary>
    private static string Letters(string name) => string.Concat(name.Replace("+", "plus", StringComparison.Ordinal).Where(char.IsAsciiLetterOrDigit)).ToLowerInvariant();

    private static double Rho(MethodParameters parameters, double defaultValue) => parameters.Number("rho", defaultValue, minimum: 0);

    private static Balancing Balance(MethodParameters parameters, bool byGradient) => new(
        byGradient, parameters.Number("mu", 0.5, minimum: 0), MuSchedules[parameters.Choice("mu_schedule", "constant", MuSchedules.Keys)]);

    private static BiLoraOptions AuxiliaryOptions(MethodParameters parameters) => new()
    {
        Rho = Rho(parameters, 0.05),
        Rank = parameters.Integer("auxiliary_rank", 8, minimum: 1, maximum: Engine.Kernels.LowRank.LargestRank),
        LearningRate = parameters.Has("auxiliary_learning_rate") ? parameters.Number("auxiliary_learning_rate", 0, minimum: 0) : null,
        UseSgd = parameters.Choice("auxiliary_optimizer", "adamw", "adamw", "sgd") == "sgd",
        Clip = Clips[parameters.Choice("clip", "global", Clips.Keys)],
        InitialFile = parameters.Text("auxiliary_init"),
        Seed = parameters.Seed("auxiliary_seed", 42),
    };
}
