using Engine.Common.Keys;

namespace Engine.Optim.Methods;

/// <summary>
/// The radius of a perturbation: a number, or one that the method chooses so that the loss rises there by a share of itself. In C# a number
/// converts to it: <c>Rho = 0.05</c>, or <c>Rho = new Radius { Rise = 0.05 }</c>.
/// </summary>
public sealed record Radius : INumberOrSection
{
    /// <summary>The radius where it is a number.</summary>
    public double Value { get; init; }

    /// <summary>The rise of the loss as a share of the step's loss; it takes the number's place.</summary>
    [Key(Minimum = 0, Above = true, Required = true)]
    public double? Rise { get; init; }

    /// <summary>The radius before the first measurement, of the methods that measure in single steps (flat-lora, bi-lora).</summary>
    [Key(Minimum = 0, Above = true)]
    public double Initial { get; init; } = 0.05;

    /// <summary>
    /// The largest radius that may be chosen. Where little has been learned the loss is flat, and without a bound the radius that raises it
    /// is so large that nothing is learned there either; the default is LE-SAM's <c>rho_max</c>.
    /// </summary>
    [Key(Minimum = 0, Above = true, Default = "0.2; asam: 2")]
    public double? Max { get; init; }

    double? INumberOrSection.Number => Rise is null ? Value : null;

    /// <summary>A fixed radius.</summary>
    public static implicit operator Radius(double value) => new() { Value = value };
}
