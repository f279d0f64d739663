namespace Engine.Model.Peft;

/// <summary>Chooses the parameters that an adapter trains in full and stores whole (<c>modules_to_save</c>), as PEFT chooses them.</summary>
public static class SavedModules
{
    /// <summary>
    /// The parameters of all modules whose name ends in an entry of <c>modules_to_save</c> (PEFT asks for no dot before it), in the given order.
    /// </summary>
    /// <param name="parameters">The full names of the model's parameters (<c>classifier.dense.weight</c>).</param>
    /// <param name="config">The adapter's configuration.</param>
    /// <exception cref="ArgumentException">An entry matches no module, other than the heads PEFT adds for classifiers.</exception>
    public static IReadOnlyList<string> Match(IReadOnlyList<string> parameters, AdapterConfig config)
    {
        IReadOnlyList<string> entries = config.CompletedModulesToSave;
        string? unmatched = entries
            .Except(AdapterConfig.ClassificationHeads)
            .FirstOrDefault(entry => !parameters.Any(parameter => IsWithin(parameter, entry)));
        if (unmatched is not null)
        {
            string modules = string.Join(", ", parameters.Select(ParentOf).Distinct(StringComparer.Ordinal).TakeLast(12));
            throw new ArgumentException($"modules_to_save names '{unmatched}', but no module has that name or ends in it. Modules are for instance {modules}.");
        }

        return parameters.Where(parameter => entries.Any(entry => IsWithin(parameter, entry))).ToArray();
    }

    private static bool IsWithin(string parameter, string entry)
    {
        for (string module = ParentOf(parameter); module.Length > 0; module = ParentOf(module))
        {
            if (module.EndsWith(entry, StringComparison.Ordinal))
            {
                return true;
            }
        }

        return false;
    }

    private static string ParentOf(string name) => name[..Math.Max(0, name.LastIndexOf('.'))];
}
