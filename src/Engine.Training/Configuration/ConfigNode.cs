using System.Globalization;

namespace Engine.Training.Configuration;

/// <summary>A piece of a run file that knows where it stands.</summary>
/// <param name="Location">"run.yaml:12", or "override key" for an override.</param>
internal abstract record ConfigNode(string Location)
{
    /// <summary>The beginning of a sentence about a key that stands here; an override's location is the key already.</summary>
    /// <param name="key">Its dotted name.</param>
    public string At(string key) => Location == RunFileOverrides.LocationOf(key) ? Location : $"{Location}: {key}";
}

/// <summary>A single value.</summary>
/// <param name="Text">As written, quotes removed.</param>
/// <param name="IsPlain">Not quoted, so it may mean a number, a truth value or nothing.</param>
internal sealed record ScalarNode(string Text, bool IsPlain, string Location) : ConfigNode(Location)
{
    /// <summary>YAML's null: the key counts as absent.</summary>
    public bool IsNull => IsPlain && Text is ("" or "~" or "null" or "Null" or "NULL");

    /// <summary>The value with the type YAML 1.2's core schema gives it: bool, long, ulong, double or string.</summary>
    public object Value
    {
        get
        {
            if (!IsPlain)
            {
                return Text;
            }

            if (Text is "true" or "True" or "TRUE" or "false" or "False" or "FALSE")
            {
                return Text[0] is 't' or 'T';
            }

            if (long.TryParse(Text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long whole))
            {
                return whole;
            }

            if (ulong.TryParse(Text, NumberStyles.None, CultureInfo.InvariantCulture, out ulong large))
            {
                return large;
            }

            return Text switch
            {
                ".nan" or ".NaN" or ".NAN" => double.NaN,
                ".inf" or ".Inf" or ".INF" or "+.inf" => double.PositiveInfinity,
                "-.inf" or "-.Inf" or "-.INF" => double.NegativeInfinity,
                _ when LooksNumeric && double.TryParse(Text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) => number,
                _ => Text,
            };
        }
    }

    // double.TryParse also takes "Infinity" and "NaN", which YAML reads as text.
    private bool LooksNumeric => Text.AsSpan().ContainsAnyInRange('0', '9') && !Text.AsSpan().ContainsAnyExcept("0123456789+-.eE");
}

/// <summary>A list.</summary>
internal sealed record ListNode(IReadOnlyList<ConfigNode> Items, string Location) : ConfigNode(Location);

/// <summary>A map, in the file's order. Overrides change it before it is bound.</summary>
internal sealed record MapNode(OrderedDictionary<string, ConfigNode> Items, string Location) : ConfigNode(Location)
{
    /// <summary>The value of a key; null where it is absent or YAML's null.</summary>
    public ConfigNode? Find(string key) => Items.GetValueOrDefault(key) is { } node and not ScalarNode { IsNull: true } ? node : null;

    /// <summary>The value of a dotted key; null where it is absent.</summary>
    public ConfigNode? Value(string dottedKey) =>
        dottedKey.Split('.').Aggregate((ConfigNode?)this, (node, key) => (node as MapNode)?.Find(key));

    /// <summary>The beginning of a sentence about a dotted key that stands in this map, or that is missing in it.</summary>
    public string Where(string dottedKey)
    {
        ConfigNode node = this;
        foreach (string key in dottedKey.Split('.'))
        {
            if (node is not MapNode map || map.Items.GetValueOrDefault(key) is not { } next)
            {
                break;
            }

            node = next;
        }

        return node.At(dottedKey);
    }
}
