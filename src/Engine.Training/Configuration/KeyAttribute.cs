using System.Reflection;
using System.Text.Json;

namespace Engine.Training.Configuration;

/// <summary>
/// Makes a property a key of the run file, under its name in snake case. The description serves the command line's help and docs/run-file.md;
/// the bounds are checked on reading.
/// </summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class KeyAttribute(string description) : Attribute
{
    /// <summary>What the key does, for the person who writes a run file.</summary>
    public string Description { get; } = description;

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
}

/// <summary>One key of a section of the run file.</summary>
/// <param name="Name">As written in YAML.</param>
/// <param name="Property">The property it sets.</param>
/// <param name="Definition">Its description and bounds.</param>
internal sealed record RunFileKey(string Name, PropertyInfo Property, KeyAttribute Definition)
{
    /// <summary>The keys of a section, in the order they are declared.</summary>
    public static IReadOnlyList<RunFileKey> Of(Type section) =>
    [
        .. from property in section.GetProperties(BindingFlags.Public | BindingFlags.Instance)
           let definition = property.GetCustomAttribute<KeyAttribute>()
           where definition is not null
           orderby property.MetadataToken
           select new RunFileKey(JsonNamingPolicy.SnakeCaseLower.ConvertName(property.Name), property, definition),
    ];

    /// <summary>The property's type without its nullable wrapper.</summary>
    public Type ValueType => Nullable.GetUnderlyingType(Property.PropertyType) ?? Property.PropertyType;

    /// <summary>Whether the key opens a section with keys of its own.</summary>
    public bool IsSection => Of(ValueType).Count > 0;
}
