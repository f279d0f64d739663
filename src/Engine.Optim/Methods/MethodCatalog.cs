namespace Engine.Optim.Methods;

/// <summary>The training methods by their names in the run file.</summary>
public static class MethodCatalog
{
    private static readonly Dictionary<string, Func<MethodParameters, TrainingMethod>> Methods = new(StringComparer.Ordinal)
    {
        ["plain"] = _ => new PlainMethod(),
        [FlatLora.MethodName] = parameters => new FlatLora(parameters.Number("rho", 0.05, minimum: 0), parameters.Seed("noise_seed", 42)),
    };

    public static IReadOnlyCollection<string> Names => Methods.Keys;

    /// <summary>Makes a method from its name and parameters.</summary>
    /// <exception cref="ConfigurationException">An unknown method or parameter, or a value out of range.</exception>
    public static TrainingMethod Create(MethodParameters parameters)
    {
        if (!Methods.TryGetValue(parameters.Method, out Func<MethodParameters, TrainingMethod>? create))
        {
            throw new ConfigurationException($"There is no training method '{parameters.Method}'; {NearestName.Hint(parameters.Method, Methods.Keys)}.");
        }

        TrainingMethod method = create(parameters);
        parameters.Finish();
        return method;
    }
}
