using System.Globalization;
using Engine.Common;

namespace Engine.Optim;

/// <summary>One parameter of a training method as the run file gave it.</summary>
/// <param name="Name">The key.</param>
/// <param name="Value">A <see cref="bool"/>, <see cref="long"/>, <see cref="ulong"/> (above the range of long), <see cref="double"/> or <see cref="string"/>.</param>
/// <param name="Location">Where it stands, for messages ("run.yaml:5" or "--set method.rho").</param>
public sealed record MethodParameter(string Name, object Value, string Location);

/// <summary>
/// The parameters of a training method, read by its plug-in. Each read names the key, its default and its range; <see cref="Finish"/>
/// then refuses what no read asked for, naming the nearest key.
/// </summary>
public sealed class MethodParameters
{
    private readonly Dictionary<string, MethodParameter> given;
    private readonly List<string> known = [];

    /// <param name="method">The method's name, for messages.</param>
    /// <param name="parameters">What the run file gave beside the name.</param>
    /// <param name="location">Where the name stands, for messages; null where no file or command says it.</param>
    public MethodParameters(string method, IEnumerable<MethodParameter> parameters, string? location = null)
    {
        Method = method;
        Location = location;
        given = parameters.ToDictionary(parameter => parameter.Name, StringComparer.Ordinal);
    }

    /// <summary>The method's name.</summary>
    public string Method { get; }

    /// <summary>Where the method's name stands; null where no file or command says it.</summary>
    public string? Location { get; }

    /// <summary>The values as given, by key.</summary>
    public IReadOnlyDictionary<string, object> Values => given.ToDictionary(pair => pair.Key, pair => pair.Value.Value, StringComparer.Ordinal);

    /// <summary>Whether the run file gives this key.</summary>
    public bool Has(string name) => given.ContainsKey(name);

    /// <summary>A finite number in [minimum, maximum].</summary>
    public double Number(string name, double defaultValue, double minimum = double.NegativeInfinity, double maximum = double.PositiveInfinity)
    {
        if (Take(name) is not { } parameter)
        {
            return defaultValue;
        }

        double value = parameter.Value switch
        {
            double number => number,
            long number => number,
            ulong number => number,
            _ => throw WrongType(parameter, "a number"),
        };
        if (!double.IsFinite(value) || value < minimum || value > maximum)
        {
            throw OutOfRange(parameter, minimum, maximum);
        }

        return value;
    }

    /// <summary>A number above 0 and of at most 1.</summary>
    public double Share(string name, double defaultValue) => Above0(name, Number(name, defaultValue, maximum: 1), " and of at most 1");

    /// <summary>A finite number above 0.</summary>
    public double Positive(string name, double defaultValue) => Above0(name, Number(name, defaultValue), "");

    /// <summary>A whole number in [minimum, maximum].</summary>
    public int Integer(string name, int defaultValue, int minimum = int.MinValue, int maximum = int.MaxValue)
    {
        if (Take(name) is not { } parameter)
        {
            return defaultValue;
        }

        return parameter.Value switch
        {
            long number when number >= minimum && number <= maximum => (int)number,
            long or ulong => throw OutOfRange(parameter, minimum, maximum),
            _ => throw WrongType(parameter, "a whole number"),
        };
    }

    /// <summary>A 64-bit seed, from 0 to 2^64 - 1.</summary>
    public ulong Seed(string name, ulong defaultValue)
    {
        if (Take(name) is not { } parameter)
        {
            return defaultValue;
        }

        return parameter.Value switch
        {
            long number when number >= 0 => (ulong)number,
            ulong number => number,
            long => throw OutOfRange(parameter, 0, ulong.MaxValue),
            _ => throw WrongType(parameter, "a whole number from 0 to 2^64 - 1"),
        };
    }

    /// <summary>One of a few words.</summary>
    public string Choice(string name, string defaultValue, params IReadOnlyCollection<string> choices)
    {
        if (Take(name) is not { } parameter)
        {
            return defaultValue;
        }

        string text = parameter.Value as string ?? throw WrongType(parameter, $"one of {string.Join(", ", choices)}");
        return choices.Contains(text)
            ? text
            : throw new ConfigurationException($"{parameter.Location}: method.{name} is '{text}'; {NearestName.Hint(text, choices)}.");
    }

    /// <summary>A text; null where it is not given.</summary>
    public string? Text(string name) => Take(name) is { } parameter ? parameter.Value as string ?? throw WrongType(parameter, "a text") : null;

    /// <summary>Refuses every key that no read has asked for. Call it after the last read.</summary>
    /// <exception cref="ConfigurationException">An unknown key.</exception>
    public void Finish()
    {
        foreach (MethodParameter parameter in given.Values)
        {
            if (!known.Contains(parameter.Name))
            {
                throw new ConfigurationException(
                    $"{parameter.Location}: the method {Method} has no parameter '{parameter.Name}'; {NearestName.Hint(parameter.Name, known)}.");
            }
        }
    }

    private double Above0(string name, double value, string rest) => value > 0
        ? value
        : throw new ConfigurationException($"{given[name].Location}: method.{name} is {value.ToString(CultureInfo.InvariantCulture)}; expected a number above 0{rest}.");

    private MethodParameter? Take(string name)
    {
        known.Add(name);
        return given.GetValueOrDefault(name);
    }

    private static ConfigurationException WrongType(MethodParameter parameter, string expected) =>
        new($"{parameter.Location}: method.{parameter.Name} is '{Convert.ToString(parameter.Value, CultureInfo.InvariantCulture)}'; expected {expected}.");

    private static ConfigurationException OutOfRange(MethodParameter parameter, double minimum, double maximum)
    {
        string range = (double.IsFinite(minimum), double.IsFinite(maximum)) switch
        {
            (true, true) => $"from {minimum.ToString(CultureInfo.InvariantCulture)} to {maximum.ToString(CultureInfo.InvariantCulture)}",
            (true, false) => $"of at least {minimum.ToString(CultureInfo.InvariantCulture)}",
            (false, true) => $"of at most {maximum.ToString(CultureInfo.InvariantCulture)}",
            _ => "that is finite",
        };
        return new($"{parameter.Location}: method.{parameter.Name} is {Convert.ToString(parameter.Value, CultureInfo.InvariantCulture)}; expected a number {range}.");
    }
}
