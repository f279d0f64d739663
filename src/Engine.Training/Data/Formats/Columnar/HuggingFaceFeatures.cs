using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Engine.Common.Files;
using Engine.Model.Batching;

namespace Engine.Training.Data.Formats.Columnar;

/// <summary>
/// What Hugging Face datasets write of a data set into its files, under the key <c>huggingface</c> of a schema's metadata: a JSON object
/// whose <c>info.features</c> has a feature for every column.
/// </summary>
internal static class HuggingFaceFeatures
{
    /// <summary>The key.</summary>
    public const string Key = "huggingface";

    /// <summary>
    /// The names of the classes of every column that is a <c>ClassLabel</c>, or a list of them, in the order of their numbers.
    /// </summary>
    /// <param name="path">The file, for messages.</param>
    /// <param name="metadata">The value under the key; null: none.</param>
    /// <exception cref="DataFileException">It is no such object.</exception>
    public static Dictionary<string, IReadOnlyList<string>> ClassNames(string path, string? metadata)
    {
        Dictionary<string, IReadOnlyList<string>> classes = new(StringComparer.Ordinal);
        if (metadata is null)
        {
            return classes;
        }

        JsonNode? root;
        try
        {
            root = PythonJson.ParseNode(Encoding.UTF8.GetBytes(metadata), new JsonDocumentOptions { AllowDuplicateProperties = false });
        }
        catch (JsonException error)
        {
            throw new DataFileException(path, $"the metadata '{Key}' of the file is not JSON ({error.Message.TrimEnd('.')}); write "
                + "the file anew.", error);
        }

        if ((root as JsonObject)?["info"] is not JsonObject info || info["features"] is not JsonObject features)
        {
            return classes;
        }

        foreach ((string column, JsonNode? feature) in features)
        {
            if (Item(feature) is JsonObject label && TextOf(label["_type"]) == "ClassLabel"
                && label["names"] is JsonArray { Count: > 0 } names)
            {
                classes[column] = [.. names.Select(name => TextOf(name)
                    ?? throw new DataFileException(path, $"the metadata '{Key}' of the file names a class of '{column}' by "
                        + "something that is no text; write the file anew."))];
            }
        }

        return classes;
    }

    /// <summary>What a list is of: <c>{"_type": "Sequence", "feature": ...}</c>, or a JSON list of one; else the feature itself.</summary>
    private static JsonNode? Item(JsonNode? feature) => feature switch
    {
        JsonArray { Count: 1 } list => list[0],
        JsonObject list when TextOf(list["_type"]) is "Sequence" or "List" or "LargeList" => list["feature"],
        _ => feature,
    };

    private static string? TextOf(JsonNode? node) =>
        node is JsonValue value && value.GetValueKind() == JsonValueKind.String ? value.GetValue<string>() : null;
}
