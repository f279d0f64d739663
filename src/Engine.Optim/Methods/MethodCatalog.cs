using Engine.Common;
using Engine.Common.Keys;

namespace Engine.Optim.Methods;

/// <summary>The training methods by their names in the run file: those of Engine, and those that a program registers.</summary>
public static class MethodCatalog
{
    /// <summary>
    /// Names of the literature that mean more than one method, or one by another name; in whatever spelling (<see cref="Letters"/>).
    /// </summary>
    private static Dictionary<string, string> Meanings => new(StringComparer.Ordinal)
    {
        ["flatlora"] =
            $"did you mean '{FlatLora.MethodName}', random perturbation of the full weight (ICML 2025, arXiv 2409.14396)? The name has a "
            + $"second meaning: {FmLora.MethodName}, and in one pass {EfmLora.MethodName}, are adversarial perturbation through B, "
            + "which the first version of the EFlat-LoRA paper (arXiv 2508.00522) calls Flat-LoRA and EFlat-LoRA",
        ["eflatlora"] =
            $"the paper (arXiv 2508.00522) calls it EFMLoRA in its later versions: {EfmLora.MethodName} "
            + $"(and its two-pass form {FmLora.MethodName}); {FlatLora.MethodName} is random perturbation (arXiv 2409.14396)",
        ["loraggpo"] = $"it is written {FlatLoraGgpo.MethodName} here",
        ["lesam"] =
            $"it is the radius of {LoraSamLesam.MethodName}, and of {Sam.MethodName} and {FmLora.MethodName} where "
            + $"{Setting.Of("sigma")} is set",
        ["lora"] = "without a method, or with plain, adapters are trained as plain LoRA",
        ["dora"] = $"DoRA is a kind of adapter: set {Setting.Of("adapter.use_dora", "true")}",
        ["pissa"] = $"PiSSA is a start of adapters: set {Setting.Of("adapter.init_lora_weights")} to pissa",
    };

    private static readonly Lock Registration = new();

    /// <summary>Replaced as a whole, so that readers need no lock.</summary>
    private static volatile OrderedDictionary<string, Func<Method>> methods = new(StringComparer.Ordinal)
    {
        [Plain.MethodName] = () => new Plain(),
        [FlatLora.MethodName] = () => new FlatLora(),
        [FlatLoraGgpo.MethodName] = () => new FlatLoraGgpo(),
        [Sam.MethodName] = () => new Sam(),
        [LoraSam.MethodName] = () => new LoraSam(),
        [LoraSamLesam.MethodName] = () => new LoraSamLesam(),
        [LogitsSam.MethodName] = () => new LogitsSam(),
        [Asam.MethodName] = () => new Asam(),
        [Esam.MethodName] = () => new Esam(),
        [LookSam.MethodName] = () => new LookSam(),
        [SlSam.MethodName] = () => new SlSam(),
        [LoraPlus.MethodName] = () => new LoraPlus(),
        [FmLora.MethodName] = () => new FmLora(),
        [EfmLora.MethodName] = () => new EfmLora(),
        [BiLora.MethodName] = () => new BiLora(),
        [OBar.MethodName] = () => new OBar(),
        [NBar.MethodName] = () => new NBar(),
        [ScaLora.MethodName] = () => new ScaLora(),
        [XgbLora.MethodName] = () => new XgbLora(),
        [BeamLora.MethodName] = () => new BeamLora(),
        [Goat.MethodName] = () => new Goat(),
        [EffiLora.MethodName] = () => new EffiLora(),
        [SdLora.MethodName] = () => new SdLora(),
        [HaLora.MethodName] = () => new HaLora(),
        [LaLora.MethodName] = () => new LaLora(),
    };

    /// <summary>The names that a run file may give to <c>method</c>, those of registered methods with them.</summary>
    public static IReadOnlyCollection<string> Names => methods.Keys;

    /// <summary>
    /// Makes a method of a program's own known to run files, by its <see cref="Method.Name"/>. Once is enough; again changes nothing.
    /// </summary>
    /// <exception cref="ArgumentException">Another method has the name, or a run file could not give it.</exception>
    public static void Register<T>()
        where T : Method, new()
    {
        string name = new T().Name;
        if (name.Length == 0 || name.AsSpan().ContainsAnyExcept("abcdefghijklmnopqrstuvwxyz0123456789-"))
        {
            throw new ArgumentException(
                $"The method {typeof(T)} is called '{name}'; expected lower-case letters, digits and hyphens, as in flat-lora.");
        }

        lock (Registration)
        {
            if (methods.TryGetValue(name, out Func<Method>? known))
            {
                if (known() is var other && other.GetType() != typeof(T))
                {
                    throw new ArgumentException($"The name '{name}' is taken by {other.GetType()}; call the method {typeof(T)} otherwise.");
                }

                return;
            }

            methods = new OrderedDictionary<string, Func<Method>>(methods, StringComparer.Ordinal) { [name] = () => new T() };
        }
    }

    /// <summary>A method with the defaults of its keys.</summary>
    /// <param name="location">Where the name stands, for messages; null where no file or command says it.</param>
    /// <exception cref="ConfigurationException">No method has the name; the message says which was probably meant.</exception>
    public static Method Create(string name, string? location = null)
    {
        if (!methods.TryGetValue(name, out Func<Method>? create))
        {
            string place = location is null ? string.Empty : $"{location}: ";
            throw new ConfigurationException($"{place}There is no training method '{name}'; {Meaning(name)}.");
        }

        return create() with { Location = location };
    }

    private static string Meaning(string name)
    {
        string letters = Letters(name);
        return Meanings.GetValueOrDefault(letters)
            ?? (Names.FirstOrDefault(method => Letters(method) == letters) is { } spelled
                ? $"it is written {spelled} here"
                : NearestName.Hint(name, Names));
    }

    /// <summary>A name without what spellings differ in: Flat-LoRA, flat_lora and FlatLoRA are one, and LoRA+ is lora-plus.</summary>
    private static string Letters(string name) =>
        string.Concat(name.Replace("+", "plus", StringComparison.Ordinal).Where(char.IsAsciiLetterOrDigit)).ToLowerInvariant();
}
