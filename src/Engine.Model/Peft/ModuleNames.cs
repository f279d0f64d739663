using Engine.Model.Architectures;

namespace Engine.Model.Peft;

/// <summary>The names of a model's modules, as an adapter's configuration may name them.</summary>
/// <param name="Linear">The linear layers in model order.</param>
/// <param name="Others">Modules that are no linear layers of their own: embeddings, norms, an output layer tied to embeddings.</param>
/// <param name="Parameters">The parameters, and the names of output layers tied to them.</param>
/// <param name="OutputHead">The output layer, which <c>all-linear</c> leaves out; null for none.</param>
internal sealed record ModuleNames(
    IReadOnlyList<string> Linear, IReadOnlyList<string> Others, IReadOnlyList<string> Parameters, string? OutputHead)
{
    /// <summary>Every module.</summary>
    public IReadOnlyList<string> All { get; } = [.. Linear, .. Others];

    /// <summary>Every module and what holds modules (<c>classifier</c>), the outermost first; without the numbers of layers.</summary>
    public IReadOnlyList<string> Containers =>
        [.. Parameters.SelectMany(Parents).Distinct().Where(name => !char.IsAsciiDigit(name[^1]))
            .OrderBy(name => name.Count(character => character == '.'))];

    public static ModuleNames Of(Architecture architecture)
    {
        IReadOnlyList<string> linear = [.. architecture.LinearGroups.SelectMany(group => group).Select(layer => layer.Module)];
        string[] parameters =
        [
            .. architecture.Parameters.Select(spec => spec.Name),
            .. TrainedTokens.TiedOutput(architecture) is { } output ? [$"{output}.weight"] : Array.Empty<string>(),
        ];
        return new ModuleNames(
            linear, [.. parameters.Select(name => name[..name.LastIndexOf('.')]).Distinct().Except(linear)], parameters,
            architecture.OutputModule);
    }

    private static IEnumerable<string> Parents(string parameter)
    {
        for (int dot = parameter.LastIndexOf('.'); dot > 0; dot = parameter.LastIndexOf('.', dot - 1))
        {
            yield return parameter[..dot];
        }
    }
}
