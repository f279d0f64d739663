using System.Text.Json;
using System.Text.Json.Nodes;
using Engine.Common.Files;

namespace Engine.Model.HuggingFace;

/// <summary>
/// Rotary position embeddings as a configuration describes them: <c>rope_parameters</c> in Transformers 5, <c>rope_theta</c> with
/// <c>rope_scaling</c> in Transformers 4.
/// </summary>
/// <param name="Type">How frequencies are scaled, as <c>rope_type</c> names it: <c>default</c>, <c>linear</c>, <c>llama3</c>, <c>yarn</c>,
/// <c>dynamic</c>, <c>longrope</c>, or one that <see cref="Rotary"/> refuses.</param>
/// <param name="Theta">The base of the frequencies.</param>
/// <param name="Options">The numbers the type needs, such as <c>factor</c> or <c>low_freq_factor</c>.</param>
internal sealed record RopeParameters(string Type, double Theta, IReadOnlyDictionary<string, double> Options)
{
    /// <summary>The base where a family has no other.</summary>
    public const double DefaultTheta = 10000;

    private const string Partially = "partial_rotary_factor", Original = "original_max_position_embeddings",
        Most = "max_position_embeddings";

    /// <summary>What Transformers takes where a configuration says nothing.</summary>
    public static RopeParameters Default { get; } = new("default", DefaultTheta, new Dictionary<string, double>()) { HasTheta = false };

    /// <summary>Whether the configuration gives the base; else a family's own takes its place.</summary>
    public bool HasTheta { get; init; } = true;

    /// <summary>The share of a head that is turned.</summary>
    public double Partial => Options.GetValueOrDefault(Partially, 1);

    /// <summary><c>short_factor</c> of longrope: what frequencies are divided by, one for each pair.</summary>
    public IReadOnlyList<double> ShortFactors { get; init; } = [];

    /// <summary>
    /// The longest text that these parameters turn as Transformers does. Beyond its original context longrope takes other factors for all
    /// texts of a batch, which are not built. Dynamic scaling starts beyond max_position_embeddings.
    /// </summary>
    public int MostTokens => Type == "longrope" && Options.TryGetValue(Original, out double tokens) && tokens is >= 1 and <= int.MaxValue
        ? (int)tokens
        : int.MaxValue;

    /// <summary>The same with another share of a head turned.</summary>
    public RopeParameters WithPartial(double factor) => With(Partially, factor);

    /// <summary>The same with what a family has where its configuration is silent.</summary>
    /// <param name="theta">The base.</param>
    /// <param name="originalContext">The original context in tokens; null for that of now.</param>
    public RopeParameters WithDefaults(double theta, int? originalContext = null)
    {
        RopeParameters based = HasTheta ? this : this with { Theta = theta, HasTheta = true };
        return originalContext is { } tokens && !Options.ContainsKey(Original) ? based.With(Original, tokens) : based;
    }

    /// <summary>Reads what a configuration says of all layers, or of those of a type; null for nothing.</summary>
    /// <param name="layerType"><c>full_attention</c> or <c>sliding_attention</c>: the parameters under this name, where each type has its
    /// own.</param>
    internal static RopeParameters? Read(JsonSection root, string layerType)
    {
        JsonSection? current = root.OptionalSection("rope_parameters");
        JsonSection? scaling = root.OptionalSection("rope_scaling");
        bool layered = current?.Content.Any(pair => pair.Value is JsonObject) == true;
        if (layered)
        {
            current = scaling is null
                ? current!.OptionalSection(layerType)
                : throw root.Wrong("rope_scaling", "nothing beside rope_parameters for each type of layer");
        }
        else if (layerType != "full_attention")
        {
            return null;
        }

        if (current is null && scaling is null && !root.Has("rope_theta"))
        {
            return null;
        }

        if (current is not null && scaling is not null && !Same(current.Content, scaling.Content))
        {
            throw root.Wrong("rope_scaling", "the same as rope_parameters, or only one of the two");
        }

        JsonSection? section = current ?? scaling;
        double? given = current?.OptionalDouble("rope_theta")
            ?? (layerType == "full_attention" ? root.OptionalDouble("rope_theta") : null);
        if (given <= 0)
        {
            throw (current?.Has("rope_theta") == true ? current : root).Wrong("rope_theta", "a number above 0");
        }

        if (section is null)
        {
            return Default.Based(given);
        }

        string typeKey = section.Has("rope_type") ? "rope_type" : "type";
        return new RopeParameters(TypeOf(section.OptionalString(typeKey)), DefaultTheta, ReadOptions(section, root))
        {
            ShortFactors = Numbers(section, "short_factor"),
        }.Based(given);
    }

    private RopeParameters Based(double? theta) => this with { Theta = theta ?? DefaultTheta, HasTheta = theta is not null };

    private RopeParameters With(string option, double value) =>
        this with { Options = new Dictionary<string, double>(Options) { [option] = value } };

    /// <summary>What earlier versions called su is longrope.</summary>
    private static string TypeOf(string? name) => name switch
    {
        null => "default",
        "su" => "longrope",
        _ => name,
    };

    private static Dictionary<string, double> ReadOptions(JsonSection section, JsonSection root)
    {
        Dictionary<string, double> options = new(StringComparer.Ordinal);
        foreach ((string key, JsonNode? node) in section.Content)
        {
            if (node?.GetValueKind() == JsonValueKind.Number && key != "rope_theta")
            {
                options[key] = node.GetValue<double>();
            }
            else if (node?.GetValueKind() is JsonValueKind.True or JsonValueKind.False)
            {
                options[key] = node.GetValue<bool>() ? 1 : 0;
            }
            else if (node is JsonObject || (node is JsonArray && key is not ("short_factor" or "long_factor")))
            {
                throw section.Wrong(key, "a number (parameters per dimension are not supported)");
            }
        }

        // What Transformers puts there: the original context in the parameters' place, that of now where they do not say.
        if (root.OptionalInt(Original) is { } original)
        {
            options[Original] = original;
        }

        if (root.OptionalInt(Most) is { } most)
        {
            options.TryAdd(Most, most);
        }

        return options;
    }

    private static IReadOnlyList<double> Numbers(JsonSection section, string key) => section.Content[key] switch
    {
        null => [],
        JsonArray array when array.All(node => node?.GetValueKind() == JsonValueKind.Number) =>
            [.. array.Select(node => node!.GetValue<double>())],
        _ => throw section.Wrong(key, "a list of numbers"),
    };

    /// <summary>Whether two sections scale alike; the base of the frequencies may stand in one of them, or beside them.</summary>
    private static bool Same(JsonObject left, JsonObject right)
    {
        JsonObject first = (JsonObject)left.DeepClone(), second = (JsonObject)right.DeepClone();
        if (first["rope_theta"] is null || second["rope_theta"] is null)
        {
            first.Remove("rope_theta");
            second.Remove("rope_theta");
        }

        return JsonNode.DeepEquals(first, second);
    }

    /// <summary>
    /// The angle per position of each pair of a head's turned elements, in radians: theta^(-2 j / turned elements), scaled as the type
    /// says. Rounded to float32, as Transformers holds them, so that a trained model sees the angles it was trained with.
    /// </summary>
    /// <param name="headSize">Elements of a head; even.</param>
    /// <param name="path">The file, for messages.</param>
    /// <exception cref="ModelFileException">A type that is not built, or a number it needs is missing or senseless.</exception>
    public RotarySet Rotary(int headSize, string path)
    {
        var turned = (int)(headSize * Partial);
        if (!(Partial > 0 && turned >= 2 && turned <= headSize && turned % 2 == 0))
        {
            throw new ModelFileException(
                path,
                $"partial_rotary_factor is {Partial}, and a head has {headSize} elements; a share of them that are pairs was expected.");
        }

        var scaling = new RopeScaling(this, turned, path);
        double[] frequencies =
            [.. Enumerable.Range(0, turned / 2).Select(j => (double)(float)scaling.Apply(Math.Pow(Theta, -2.0 * j / turned), j))];
        return frequencies.All(double.IsFinite)
            ? new RotarySet(frequencies, scaling.Factor)
            : throw new ModelFileException(
                path,
                $"rotary embeddings of the type {Type} with rope_theta {Theta} turn by angles beyond float32; "
                    + "a rope_theta and a factor of about 1 or more were expected.");
    }
}
