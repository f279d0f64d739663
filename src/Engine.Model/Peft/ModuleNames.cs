using Engine.Model.Architectures;

namespace Engine.Model.Peft;

/// <summary>The names of a model's modules, as an adapter's configuration may name them.</summary>
/// <param name="Linear">The linear layers in model order.</param>
/// <param name="Others">Modules that are no linear layers of their own: embeddings, norms, an output layer tied to embeddings.</param>
/// <param name="Parameters">The parameters, and the names of output layers tied to them.</param>
/// <param name="OutputHead">The output layer, which <c>all-linear</c> leaves out; null for none.</param>
internal sealed record ModuleNames(IReadOnlyList<string> Linear, IReadOnlyList<string> Others, IReadOnlyList<string> Parameters, string? OutputHead)
{
    /// <summary>Every module.</summary>
    public IReadOnlyList<string> All { get; } = [.. Linear, .. Others];

    public static ModuleNames Of(Architecture architecture)
    {
        IReadOnlyList<string> linear = [.. architecture.LinearGroups.SelectMany(group => group).Select(layer => layer.Module)];
        string[] parameters =
        [
            .. architecture.Parameters.Select(spec => spec.Name),
            .. TrainedTokens.TiedOutput(architecture) is { } output ? [$"{output}.weight"] : Array.Empty<string>(),
        ];
        return new ModuleNames(linear, [.. parameters.Select(name => name[..name.LastIndexOf('.')]).Distinct().Except(linear)], parameters, architecture.OutputModule);
    }
}
