using Engine.Common.Keys;

namespace Engine.Model.Peft;

/// <summary>Chooses the modules an adapter sits on, as PEFT 0.21 chooses them.</summary>
internal static class TargetModules
{
    private const int ShownCandidates = 12;

    /// <summary>The linear layers that <paramref name="config"/> adapts, in the order of <paramref name="linearModules"/>.</summary>
    /// <param name="linearModules">The full names of the model's linear layers, in model order
    /// (<c>roberta.encoder.layer.0.attention.self.query</c>).</param>
    /// <param name="config">The adapter's configuration.</param>
    /// <param name="outputHead">
    /// The module <c>all-linear</c> leaves out: the output layer of a language model (<c>lm_head.decoder</c>) or the classifier; null if
    /// there is none.
    /// </param>
    /// <param name="otherModules">
    /// Modules that are no linear layers. A pattern that picks one is an error: PEFT adapts embeddings in another way, which is not built,
    /// and refuses the rest.
    /// </param>
    /// <exception cref="ArgumentException">Nothing matches; the message lists candidates. Single entries that match nothing are
    /// <see cref="IdleEntries"/>.</exception>
    public static IReadOnlyList<string> Match(
        IReadOnlyList<string> linearModules,
        AdapterConfig config,
        string? outputHead = null,
        IReadOnlyList<string>? otherModules = null)
    {
        ModulePattern targets = config.TargetModules
            ?? throw new ArgumentException($"{Setting.Of("target_modules")} is not set; name the layers to adapt. "
                + $"{Candidates(linearModules)}");
        List<string> matched = [];
        List<string> excluded = [];
        TargetFilter filter = new(config);
        foreach (string module in linearModules)
        {
            if (!filter.IsTarget(module) || (targets.IsAllLinear && module == outputHead))
            {
                continue;
            }

            (filter.IsExcluded(module) ? excluded : matched).Add(module);
        }

        RefuseOtherModules(filter, targets, otherModules ?? []);
        if (matched.Count == 0)
        {
            throw new ArgumentException(Nothing(config, targets, linearModules, excluded));
        }

        return matched;
    }

    /// <summary>Whether a pattern names a module; <c>all-linear</c> names none.</summary>
    internal static bool Names(AdapterConfig config, string module)
    {
        if (config.TargetModules is null or { IsAllLinear: true })
        {
            return false;
        }

        TargetFilter filter = new(config);
        return filter.IsTarget(module) && !filter.IsExcluded(module);
    }

    private static void RefuseOtherModules(TargetFilter filter, ModulePattern targets, IReadOnlyList<string> otherModules)
    {
        string[] others = targets.IsAllLinear
            ? []
            : [.. otherModules.Where(module => filter.IsTarget(module) && !filter.IsExcluded(module))];
        if (others.Length > 0)
        {
            string more = others.Length > ShownCandidates ? $" and {others.Length - ShownCandidates} more" : "";
            throw new ArgumentException(
                $"{Setting.Of("target_modules")} {targets} also matches what is no linear layer of its own (embeddings, norms, "
                    + $"an output layer tied to embeddings): {string.Join(", ", others.Take(ShownCandidates))}{more}. "
                + $"Only linear layers can be adapted. Narrow the pattern, name these in {Setting.Of("exclude_modules")}, or use "
                + $"all-linear; {Setting.Of("modules_to_save")} trains them whole.");
        }
    }

    private static string Nothing(AdapterConfig config, ModulePattern targets, IReadOnlyList<string> linearModules, List<string> excluded)
    {
        if (excluded.Count > 0)
        {
            return $"{Setting.Of("target_modules")} {targets} matches only modules that {Setting.Of("exclude_modules")} or "
                + $"{Setting.Of("modules_to_save")} take out: {string.Join(", ", excluded.Take(ShownCandidates))}.";
        }

        string hint = targets.Expression is not null
            && linearModules.Any(module => ModulePattern.IsNameOrEnding(module, targets.Expression))
            ? $" A string is a regular expression over the whole name; write [{targets.Expression}] to match by ending."
            : config.LayersToTransform.Count > 0
                ? $" {Setting.Of("layers_to_transform")} allows only layers {string.Join(", ", config.LayersToTransform)}."
                : "";
        return $"{Setting.Of("target_modules")} {targets} matches no linear layer.{hint} {Candidates(linearModules)}";
    }

    private static string Candidates(IReadOnlyList<string> linearModules)
    {
        string[] endings = linearModules.Select(module => module[(module.LastIndexOf('.') + 1)..])
            .Distinct(StringComparer.Ordinal).ToArray();
        string example = linearModules.Count > 0 ? $", for instance {linearModules[0]}" : "";
        return $"Candidates are {string.Join(", ", endings.Take(ShownCandidates))}{example}.";
    }
}
