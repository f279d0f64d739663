using System.Text.Json;
using System.Text.Json.Nodes;
using Engine.Common.Files;

namespace Engine.Model.HuggingFace;

/// <summary>
/// Rotary position embeddings as a configuration describes them: <c>rope_parameters</c> in Transformers 5, <c>rope_theta</c> with
/// <c>rope_scaling</c> in Transformers 4.
/// </summary>
/// <param name="Type">How frequencies are scaled, as <c>rope_type</c> names it: <c>default</c>, <c>linear</c>, <c>llama3</c>, or one that
/// <see cref="Frequencies"/> refuses.</param>
/// <param name="Theta">The base of the frequencies.</param>
/// <param name="Options">The numbers the type needs, such as <c>factor</c> or <c>low_freq_factor</c>.</param>
internal sealed record RopeParameters(string Type, double Theta, IReadOnlyDictionary<string, double> Options)
{
    private const double DefaultTheta = 10000;

    /// <summary>What Transformers takes where a configuration says nothing.</summary>
    public static RopeParameters Default { get; } = new("default", DefaultTheta, new Dictionary<string, double>());

    internal static RopeParameters? Read(JsonSection root)
    {
        JsonSection? current = root.OptionalSection("rope_parameters");
        JsonSection? scaling = root.OptionalSection("rope_scaling");
        if (current is null && scaling is null && !root.Has("rope_theta"))
        {
            return null;
        }

        if (current is not null && scaling is not null && !Same(current.Content, scaling.Content))
        {
            throw root.Wrong("rope_scaling", "the same as rope_parameters, or only one of the two");
        }

        JsonSection? section = current ?? scaling;
        double theta = current?.OptionalDouble("rope_theta") ?? root.OptionalDouble("rope_theta") ?? DefaultTheta;
        if (theta <= 0)
        {
            throw (current?.Has("rope_theta") == true ? current : root).Wrong("rope_theta", "a number above 0");
        }

        if (section is null)
        {
            return Default with { Theta = theta };
        }

        string typeKey = section.Has("rope_type") ? "rope_type" : "type";
        string type = section.OptionalString(typeKey) ?? "default";
        Dictionary<string, double> options = new(StringComparer.Ordinal);
        foreach ((string key, JsonNode? node) in section.Content)
        {
            if (node?.GetValueKind() == JsonValueKind.Number && key != "rope_theta")
            {
                options[key] = node.GetValue<double>();
            }
            else if (node is JsonObject or JsonArray)
            {
                throw section.Wrong(key, "a number (parameters per layer type or per dimension are not supported)");
            }
        }

        return new RopeParameters(type, theta, options);
    }

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
    /// The angle per position of each pair of a head's elements, in radians: theta^(-2 j / head size), scaled as the type says. Rounded to
    /// float32, as Transformers holds them, so that a trained model sees the angles it was trained with.
    /// </summary>
    /// <param name="headSize">Elements of a head; even.</param>
    /// <param name="path">The file, for messages.</param>
    /// <exception cref="ModelFileException">A type that is not built, or a number it needs is missing or senseless.</exception>
    public IReadOnlyList<double> Frequencies(int headSize, string path)
    {
        Func<double, double> scale = Type switch
        {
            "default" => frequency => frequency,
            "linear" when Option("factor") is var factor => frequency => frequency / factor,
            "llama3" => Llama3(),
            _ =>
                throw new ModelFileException(
                    path, $"rotary embeddings of the type {Type} are not built; built are default, linear and llama3."),
        };
        if (Options.GetValueOrDefault("partial_rotary_factor", 1) != 1)
        {
            throw new ModelFileException(
                path, $"partial_rotary_factor is {Options["partial_rotary_factor"]}; only whole heads are turned (1).");
        }

        double[] frequencies =
            [.. Enumerable.Range(0, headSize / 2).Select(j => (double)(float)scale(Math.Pow(Theta, -2.0 * j / headSize)))];
        return frequencies.All(double.IsFinite)
            ? frequencies
            : throw new ModelFileException(
                path,
                $"rotary embeddings of the type {Type} with rope_theta {Theta} turn by angles beyond float32; "
                    + "a rope_theta and a factor of about 1 or more were expected.");

        // Long wavelengths are stretched by the factor, short ones kept, those between blended (Llama 3.1; Transformers'
        // modeling_rope_utils).
        Func<double, double> Llama3()
        {
            double factor = Option("factor"), low = Option("low_freq_factor"), high = Option("high_freq_factor"),
                context = Option("original_max_position_embeddings");
            if (high <= low)
            {
                throw new ModelFileException(
                    path, $"rotary embeddings of the type llama3: high_freq_factor {high} must be above low_freq_factor {low}.");
            }

            return frequency =>
            {
                double periods = context * frequency / (2 * Math.PI);
                double kept = Math.Clamp((periods - low) / (high - low), 0, 1);
                return ((1 - kept) * frequency / factor) + (kept * frequency);
            };
        }

        double Option(string name) => Options.TryGetValue(name, out double value) && value > 0 && double.IsFinite(value)
            ? value
            : throw new ModelFileException(path, $"rotary embeddings of the type {Type} need the number '{name}' above 0.");
    }
}
