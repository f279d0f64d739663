using Engine.Optim;

namespace Engine.Training.Configuration;

/// <summary>The section <c>method</c>: the training methods that run together, most often one.</summary>
/// <param name="Methods">At least one.</param>
public sealed record MethodsConfiguration(IReadOnlyList<MethodConfiguration> Methods)
{
    /// <summary>The names, joined by a plus sign.</summary>
    public string Name => string.Join("+", Methods.Select(method => method.Name));

    /// <summary>Readers of the parameters for the methods' plug-ins.</summary>
    public IReadOnlyList<MethodParameters> Read() => [.. Methods.Select(method => method.Read())];
}

/// <summary>A training method's name and its parameters, which the method itself checks.</summary>
/// <param name="Name">The method.</param>
/// <param name="Given">Its parameters as given.</param>
/// <param name="Location">Where the name stands, for messages.</param>
public sealed record MethodConfiguration(string Name, IReadOnlyList<MethodParameter> Given, string Location)
{
    /// <summary>The name that stands for no method beyond the optimizer.</summary>
    public const string Plain = "plain";

    /// <summary>A reader of the parameters for the method's plug-in.</summary>
    public MethodParameters Read() => new(Name, Given, Location);
}
