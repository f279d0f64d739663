using System.Collections;
using System.Globalization;
using System.Numerics;
using System.Text.Json;

namespace Engine.Model.Chat.Jinja;

/// <summary>Turns what a caller gives into values of templates.</summary>
internal static class InputValues
{
    /// <param name="text">What becomes of each text; null: it stays as it is.</param>
    public static object? Of(object? value, Func<string, string>? text = null)
    {
        Limits.Step();
        return value switch
        {
            string given => text is null ? given : text(given),
            null or bool or BigInteger or double or JinjaDict => value,
            sbyte or byte or short or ushort or int or uint or long => (BigInteger)Convert.ToInt64(value, CultureInfo.InvariantCulture),
            ulong number => (BigInteger)number,
            float number => (double)number,
            JsonElement element => Of(element, text),
            IReadOnlyDictionary<string, object?> map => Dict(map.Select(pair => (pair.Key, Of(pair.Value, text)))),
            IEnumerable items => (List<object?>)[.. items.Cast<object?>().Select(item => Of(item, text))],
            _ => throw new ArgumentException($"A template's variables are of JSON's types; {value.GetType().Name} is none.", nameof(value)),
        };
    }

    private static object? Of(JsonElement element, Func<string, string>? text) => element.ValueKind switch
    {
        JsonValueKind.Null or JsonValueKind.Undefined => null,
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.String => Of(Text(element), text),
        JsonValueKind.Number => Number(element.GetRawText()),
        JsonValueKind.Array => (List<object?>)[.. element.EnumerateArray().Select(item => Of((object?)item, text))],
        _ => Dict(element.EnumerateObject().Select(member => (member.Name, Of((object?)member.Value, text)))),
    };

    private static string Text(JsonElement element)
    {
        try
        {
            return element.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw JinjaException.Value("a variable holds an escape that is half of a surrogate pair; it is not text");
        }
    }

    /// <summary>1 and 1.0 are two numbers: they print differently.</summary>
    private static object Number(string text) => text.AsSpan().IndexOfAny(".eE") >= 0
        ? double.Parse(text, CultureInfo.InvariantCulture)
        : BigInteger.Parse(text, CultureInfo.InvariantCulture);

    private static JinjaDict Dict(IEnumerable<(string Key, object? Value)> members)
    {
        JinjaDict dict = new();
        foreach ((string key, object? value) in members)
        {
            dict.Set(key, value);
        }

        return dict;
    }
}
