using Engine.Optim;

namespace Engine.Training.Configuration;

/// <summary>The section <c>method</c>: a training method's name and its parameters, which the method itself checks.</summary>
/// <param name="Name">The method.</param>
/// <param name="Given">Its parameters as given.</param>
public sealed record MethodConfiguration(string Name, IReadOnlyList<MethodParameter> Given)
{
    /// <summary>The name that stands for no method beyond the optimizer.</summary>
    public const string Plain = "plain";

    /// <summary>A reader of the parameters for the method's plug-in.</summary>
    public MethodParameters Read() => new(Name, Given);
}
