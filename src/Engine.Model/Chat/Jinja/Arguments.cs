using System.Numerics;

namespace Engine.Model.Chat.Jinja;

/// <summary>The arguments of a call, in their order and by name.</summary>
internal sealed class Arguments(IReadOnlyList<object?> positional, IReadOnlyList<KeyValuePair<string, object?>> keyword)
{
    public static readonly Arguments None = new([], []);

    public IReadOnlyList<object?> Positional => positional;

    public IReadOnlyList<KeyValuePair<string, object?>> Keyword => keyword;

    public static Arguments Of(params object?[] positional) => new(positional, []);

    /// <summary>Lays the arguments out under parameter names; the last of which, those with '?', may be left out.</summary>
    public BoundArguments Bind(string function, params string[] parameters)
    {
        if (positional.Count > parameters.Length)
        {
            throw JinjaException.Type($"{function}() takes at most {parameters.Length} arguments ({positional.Count} given)");
        }

        object?[] values = new object?[parameters.Length];
        bool[] isGiven = new bool[parameters.Length];
        for (int i = 0; i < positional.Count; i++)
        {
            values[i] = positional[i];
            isGiven[i] = true;
        }

        foreach ((string name, object? value) in keyword)
        {
            int place = Array.FindIndex(parameters, parameter => parameter.TrimEnd('?') == name);
            if (place < 0 || isGiven[place])
            {
                throw JinjaException.Type(
                    $"{function}() got {(place < 0 ? "an unexpected keyword argument" : "multiple values for argument")} '{name}'");
            }

            values[place] = value;
            isGiven[place] = true;
        }

        int missing = Enumerable.Range(0, parameters.Length).FirstOrDefault(i => !isGiven[i] && !parameters[i].EndsWith('?'), -1);
        return missing < 0 ? new(values, isGiven)
            : throw JinjaException.Type($"{function}() missing required argument: '{parameters[missing]}'");
    }
}

/// <summary>Arguments by the place of their parameter.</summary>
internal sealed class BoundArguments(object?[] values, bool[] isGiven)
{
    public object? this[int place] => values[place];

    public bool Has(int place) => isGiven[place];

    public object? Or(int place, object? otherwise) => isGiven[place] ? values[place] : otherwise;

    public bool Flag(int place, bool otherwise = false) => isGiven[place] ? PythonValues.IsTrue(values[place]) : otherwise;

    public string Text(int place, string otherwise = "") => isGiven[place] ? PythonText.Text(values[place]) : otherwise;

    /// <summary>A text, and nothing that only prints as one.</summary>
    public string StrictText(int place) => PythonText.AsString(values[place])
        ?? throw JinjaException.Type($"argument {place + 1} must be str, not {PythonText.TypeName(values[place])}");

    public string? StrictTextOrNone(int place) => isGiven[place] && values[place] is not null ? StrictText(place) : null;

    public int Integer(int place, int otherwise = 0) => isGiven[place] ? PythonValues.Index(values[place]) : otherwise;
}
