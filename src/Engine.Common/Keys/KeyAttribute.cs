namespace Engine.Common.Keys;

/// <summary>
/// Makes a property a key of a run file, under its name in snake case. Its summary is what messages and docs/run-file.md say of it
/// (Engine.Keys.Generator); the bounds are checked on reading, and of records that a program makes before they are used.
/// </summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class KeyAttribute : Attribute
{
    /// <summary>The key's name where it is not the property's in snake case.</summary>
    public string? Name { get; init; }

    /// <summary>The smallest number allowed.</summary>
    public double Minimum { get; init; } = double.NegativeInfinity;

    /// <summary>The largest number allowed.</summary>
    public double Maximum { get; init; } = double.PositiveInfinity;

    /// <summary>The minimum itself is not allowed.</summary>
    public bool Above { get; init; }

    /// <summary>The maximum itself is not allowed.</summary>
    public bool Below { get; init; }

    /// <summary>The value is a path, relative to the run file.</summary>
    public bool IsPath { get; init; }

    /// <summary>The key must be there.</summary>
    public bool Required { get; init; }

    /// <summary>In words, what holds without the key, where that is not a constant.</summary>
    public string? Default { get; init; }

    /// <summary>Whether a number is finite and within the bounds.</summary>
    public bool Allows(double number) =>
        double.IsFinite(number) && number >= Minimum && !(Above && number == Minimum) && number <= Maximum && !(Below && number == Maximum);

    /// <summary>The numbers the key takes, in words.</summary>
    internal string Range(bool isWhole)
    {
        List<string> parts = [];
        if (double.IsFinite(Minimum))
        {
            parts.Add(FormattableString.Invariant($"{(Above ? "above" : "of at least")} {Minimum}"));
        }

        if (double.IsFinite(Maximum))
        {
            parts.Add(FormattableString.Invariant($"{(Below ? "below" : "of at most")} {Maximum}"));
        }

        string kind = isWhole ? "a whole number" : "a finite number";
        return parts.Count == 0 ? kind : $"{kind} {string.Join(" and ", parts)}";
    }
}
