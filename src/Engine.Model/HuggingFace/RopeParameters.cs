using System.Text.Json;
using System.Text.Json.Nodes;
using Engine.Model.Files;

namespace Engine.Model.HuggingFace;

/// <summary>
/// Rotary position embeddings as a configuration describes them: <c>rope_parameters</c> in Transformers 5, <c>rope_theta</c> with
/// <c>rope_scaling</c> in Transformers 4.
/// </summary>
/// <param name="Type">How frequencies are scaled: <c>default</c>, <c>linear</c>, <c>dynamic</c>, <c>yarn</c> or <c>llama3</c>.</param>
/// <param name="Theta">The base of the frequencies.</param>
/// <param name="Options">The numbers the type needs, such as <c>factor</c> or <c>low_freq_factor</c>.</param>
public sealed record RopeParameters(string Type, double Theta, IReadOnlyDictionary<string, double> Options)
{
    private const double DefaultTheta = 10000;
    private static readonly string[] KnownTypes = ["default", "linear", "dynamic", "yarn", "llama3"];

    internal static RopeParameters? Read(JsonSection root)
    {
        JsonSection? current = root.OptionalSection("rope_parameters");
        JsonSection? scaling = root.OptionalSection("rope_scaling");
        if (current is null && scaling is null && !root.Has("rope_theta"))
        {
            return null;
        }

        JsonSection? section = current ?? scaling;
        double theta = current?.OptionalDouble("rope_theta") ?? root.OptionalDouble("rope_theta") ?? DefaultTheta;
        if (section is null)
        {
            return new RopeParameters("default", theta, new Dictionary<string, double>());
        }

        string typeKey = section.Has("rope_type") ? "rope_type" : "type";
        string type = section.OptionalString(typeKey) ?? "default";
        if (!KnownTypes.Contains(type))
        {
            throw section.Wrong(typeKey, string.Join(", ", KnownTypes));
        }

        Dictionary<string, double> options = new(StringComparer.Ordinal);
        foreach ((string key, JsonNode? node) in section.Content)
        {
            if (node?.GetValueKind() == JsonValueKind.Number && key != "rope_theta")
            {
                options[key] = section.OptionalDouble(key)!.Value;
            }
            else if (node is JsonObject or JsonArray)
            {
                throw section.Wrong(key, "a number (parameters per layer type or per dimension are not supported)");
            }
        }

        return new RopeParameters(type, theta, options);
    }
}
