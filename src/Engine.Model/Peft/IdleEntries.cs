using Engine.Model.Architectures;

namespace Engine.Model.Peft;

/// <summary>An entry of an adapter's configuration that has no effect on a model.</summary>
/// <param name="Key">The key it stands under, such as <c>rank_pattern</c>.</param>
/// <param name="Entry">The entry as it was given.</param>
/// <param name="Problem">What is wrong, as the end of a sentence whose subject is the entry.</param>
/// <param name="Known">What it could have been, written as it is: names as deep as the entry's, or layer numbers.</param>
internal sealed record IdleEntry(string Key, string Entry, string Problem, IReadOnlyList<string> Known)
{
    /// <summary>The entry without what only a regular expression has: the name to compare with others.</summary>
    public string Name => Entry.Replace(".*", "", StringComparison.Ordinal).Replace("\\", "", StringComparison.Ordinal).Trim('^', '$', '.');

    public override string ToString() => $"{Key}: '{Entry}' {Problem}";
}

/// <summary>
/// Finds the entries of an adapter's configuration that match nothing in a model: most likely slips of the pen. PEFT passes over them, some
/// with a warning, so adapters that it wrote may have some; in a run file they are errors.
/// </summary>
internal static class IdleEntries
{
    private const string NoModule = "matches no module";
    private const string NoLinear = "matches no linear layer";

    /// <summary>The entries without effect. The heads that PEFT adds to <c>modules_to_save</c> are none.</summary>
    /// <param name="architecture">The model as the adapter needs it (<see cref="AdaptedArchitecture"/>).</param>
    public static IReadOnlyList<IdleEntry> Find(Architecture architecture, AdapterConfig config) =>
        new Search(ModuleNames.Of(architecture), config.ForModel(architecture.ModelConfig)).Find();

    /// <summary>One configuration against one model.</summary>
    private sealed class Search(ModuleNames modules, AdapterConfig config)
    {
        private readonly TargetFilter filter = new(config);
        private readonly List<IdleEntry> found = [];

        public IReadOnlyList<IdleEntry> Find()
        {
            if (config.TargetModules is not null)
            {
                CheckLayers();
                CheckTargets(config.TargetModules);
            }

            CheckExcluded();
            CheckPatterns("rank_pattern", [.. config.RankPattern.Select(pair => pair.Key)]);
            CheckPatterns("alpha_pattern", [.. config.AlphaPattern.Select(pair => pair.Key)]);
            foreach (string entry in config.ModulesToSave.Where(
                entry => !IsPeftsOwn(entry) && !modules.Parameters.Any(parameter => SavedModules.IsWithin(parameter, entry))))
            {
                Add("modules_to_save", entry, NoModule, modules.Containers);
            }

            return found;
        }

        /// <summary>
        /// PEFT writes both names of a classifier's head, of which a model has one, and one of a head that finds answers, which may have
        /// another.
        /// </summary>
        private bool IsPeftsOwn(string entry) =>
            (AdapterConfig.ClassificationHeads.Contains(entry) && AdapterConfig.ClassificationHeads.All(config.ModulesToSave.Contains))
            || (config.TaskType == AdapterConfig.QuestionAnswering && AdapterConfig.AnswerHeads.Contains(entry));

        private void CheckTargets(ModulePattern targets)
        {
            const string Key = "target_modules";
            if (targets.Expression is { } expression && !targets.IsAllLinear && !modules.All.Any(targets.Matches))
            {
                AddExpression(Key, expression, NoLinear, modules.Linear);
            }

            foreach (string name in targets.Names ?? [])
            {
                string[] named = [.. modules.All.Where(module => ModulePattern.IsNameOrEnding(module, name))];
                if (named.Length == 0)
                {
                    Add(Key, name, NoLinear, modules.Linear);
                }
                else if (found.Count == 0 && !named.Any(filter.IsTarget))
                {
                    Add(Key, name, $"matches only layers that layers_to_transform leaves out, such as {named[0]}", []);
                }
            }
        }

        private void CheckLayers()
        {
            string[] targeted = [.. modules.Linear.Where(module => config.TargetModules!.Matches(module))];
            string[] lists = [.. targeted.SelectMany(TargetFilter.LayerLists).Distinct(StringComparer.Ordinal)];
            foreach (string pattern in config.LayersPattern.Where(
                pattern => !targeted.Any(module => TargetFilter.LayerOf(module, pattern) is not null)))
            {
                Add("layers_pattern", pattern, "is the name of no list of layers", lists);
            }

            // In a list of layers that does not exist there is no number.
            int[] layers = [.. targeted.Select(module => filter.LayerOf(module)).OfType<int>().Distinct().Order()];
            foreach (int layer in found.Count == 0 ? config.LayersToTransform.Except(layers) : [])
            {
                Add("layers_to_transform", $"{layer}", "is the number of no layer that has a module of target_modules",
                    [.. layers.Select(number => $"{number}")]);
            }
        }

        private void CheckExcluded()
        {
            const string Key = "exclude_modules";
            ModulePattern? excluded = config.ExcludeModules;
            foreach (string name in (excluded?.Names ?? []).Where(
                name => !modules.All.Any(module => ModulePattern.IsNameOrEnding(module, name))))
            {
                Add(Key, name, NoModule, modules.All);
            }

            if (excluded?.Expression is { } expression && !modules.All.Any(excluded.Matches))
            {
                AddExpression(Key, expression, NoModule, modules.All);
            }
        }

        /// <summary>Of the patterns that match a module the first counts: one whose modules earlier ones match has no effect.</summary>
        private void CheckPatterns(string key, IReadOnlyList<string> patterns)
        {
            string[] adapted = config.TargetModules is null
                ? []
                : [.. modules.Linear.Where(module =>
                    filter.IsTarget(module)
                        && !filter.IsExcluded(module) && !(config.TargetModules.IsAllLinear && module == modules.OutputHead))];
            PythonRegex[] compiled = [.. patterns.Select(AdapterConfig.NamePattern)];
            for (int i = 0; i < compiled.Length; i++)
            {
                string[] matched = [.. adapted.Where(compiled[i].IsMatch)];
                if (matched.Length == 0)
                {
                    string? other = modules.All.FirstOrDefault(compiled[i].IsMatch);
                    Add(key, patterns[i], other is null ? NoModule : $"matches only modules without an adapter, such as {other}", adapted);
                }
                else if (matched.All(module => compiled[..i].Any(earlier => earlier.IsMatch(module))))
                {
                    int earlier = Array.FindIndex(compiled, pattern => pattern.IsMatch(matched[0]));
                    Add(key, patterns[i],
                        $"has no effect: the first pattern that matches a module counts, and '{patterns[earlier]}' comes before it", []);
                }
            }
        }

        /// <summary>How an expression that matches no whole name would match one.</summary>
        private static string Hint(string expression, IReadOnlyList<string> names)
        {
            if (names.Any(module => ModulePattern.IsNameOrEnding(module, expression)))
            {
                return $" (a string is a regular expression over the whole name; write [{expression}] to match by ending)";
            }

            string? whole = new[] { $"{expression}.*", $".*{expression}", $".*{expression}.*" }
                .FirstOrDefault(wider => ModulePattern.OfExpression(wider) is var pattern && names.Any(pattern.Matches));
            return whole is null ? "" : $" (a string is a regular expression over the whole name; '{whole}' would match)";
        }

        private void AddExpression(string key, string expression, string problem, IReadOnlyList<string> names)
        {
            string hint = Hint(expression, names);
            Add(key, expression, problem + hint, hint.Length == 0 ? names : []);
        }

        private void Add(string key, string entry, string problem, IReadOnlyList<string> known)
        {
            var idle = new IdleEntry(key, entry, problem, []);
            int depth = idle.Name.Count(character => character == '.') + 1;
            found.Add(
                idle with
                {
                    Known =
                    [.. known.Select(name => string.Join('.', name.Split('.').TakeLast(depth))).Distinct(StringComparer.Ordinal)]
                });
        }
    }
}
