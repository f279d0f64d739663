namespace Engine.Model.Peft;

/// <summary>
/// Chooses the parameters that an adapter trains in full and stores whole (<c>modules_to_save</c>), as PEFT chooses them.
/// </summary>
internal static class SavedModules
{
    /// <summary>
    /// The parameters of all modules whose name ends in an entry of <c>modules_to_save</c> (PEFT asks for no dot before it), in the given
    /// order.
    /// </summary>
    /// <param name="parameters">The full names of the model's parameters (<c>classifier.dense.weight</c>).</param>
    /// <param name="config">The adapter's configuration.</param>
    public static IReadOnlyList<string> Match(IReadOnlyList<string> parameters, AdapterConfig config) =>
        [.. parameters.Where(parameter => config.CompletedModulesToSave.Any(entry => IsWithin(parameter, entry)))];

    /// <summary>Whether a module is trained and stored whole.</summary>
    internal static bool Takes(AdapterConfig config, string module) =>
        config.CompletedModulesToSave.Any(entry => IsWithin($"{module}.weight", entry));

    /// <summary>Whether a parameter belongs to a module whose name ends in an entry.</summary>
    internal static bool IsWithin(string parameter, string entry)
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
