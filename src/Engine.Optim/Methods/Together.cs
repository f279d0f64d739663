using Engine.Common;
using Engine.Common.Keys;
using Engine.Model.Forms;

namespace Engine.Optim.Methods;

/// <summary>
/// Methods that run together, hook by hook in their order: one that perturbs the weights, one that balances adapter pairs, one that sets
/// learning rates.
/// </summary>
public sealed record Together : Method
{
    /// <param name="methods">At least one; the methods of another of these stand for themselves.</param>
    public Together(params IReadOnlyList<Method> methods) => Methods = [.. methods.SelectMany(Of)];

    /// <summary>The methods, of different roles.</summary>
    public IReadOnlyList<Method> Methods { get; }

    /// <summary>The names, joined by a plus sign.</summary>
    public override string Name => string.Join('+', Methods.Select(method => method.Name));

    /// <inheritdoc/>
    public override BaseWeightUse BaseWeights => Methods.Max(method => method.BaseWeights);

    internal override AdapterForm? Form => Methods.Select(method => method.Form).FirstOrDefault(form => form is not null);

    /// <summary>The single methods of what a run is given.</summary>
    public static IReadOnlyList<Method> Of(Method? method) => method switch
    {
        null => [],
        Together several => several.Methods,
        _ => [method],
    };

    /// <inheritdoc/>
    public bool Equals(Together? other) => base.Equals(other) && Methods.SequenceEqual(other.Methods);

    /// <inheritdoc/>
    public override int GetHashCode() => Methods.Aggregate(base.GetHashCode(), HashCode.Combine);

    internal override void Check()
    {
        if (Methods.Count == 0)
        {
            throw new ConfigurationException($"{Setting.Of("method")} is an empty list; expected at least one method.");
        }

        foreach (Method method in Methods)
        {
            method.Check();
        }
    }

    /// <inheritdoc/>
    protected override TrainingMethod Create() =>
        Methods is [var single] ? single.CreatePlugIn() : new MethodCombination([.. Methods.Select(method => method.CreatePlugIn())]);
}
