using System.Text.Json.Nodes;
using Engine.Common.Files;

namespace Engine.Model.Peft;

/// <summary>An entry of <c>trainable_token_indices</c>: the tokens whose rows of an embedding are trained.</summary>
/// <param name="Module">The end of the embedding's module name; null for the model's input embeddings.</param>
/// <param name="Indices">The tokens' ids, each once.</param>
public sealed record TokenIndices(string? Module, IReadOnlyList<int> Indices)
{
    internal const string Key = "trainable_token_indices";

    private const string Expected = "a list of token ids, or a map of embedding modules to such lists";

    /// <summary>What is wrong with a list of entries, in words; null where nothing is.</summary>
    public static string? Problem(IReadOnlyList<TokenIndices> entries)
    {
        foreach ((string? module, IReadOnlyList<int> indices) in entries)
        {
            string of = module is null ? "" : $" for {module}";
            if (indices.Any(index => index < 0))
            {
                return $"{Key} has {indices.First(index => index < 0)}{of}; token ids are counted from 0.";
            }

            if (indices.GroupBy(index => index).FirstOrDefault(group => group.Count() > 1) is { } twice)
            {
                return $"{Key} has the token {twice.Key} twice{of}; a token has one row.";
            }
        }

        return null;
    }

    internal static IReadOnlyList<TokenIndices> Read(JsonSection root)
    {
        switch (root.Content[Key])
        {
            case null:
                return [];
            case JsonArray list:
                return OfList(null, Integers(list));
            case JsonObject map:
                return [.. map.SelectMany(entry => OfList(entry.Key, Integers(entry.Value)))];
            default:
                throw root.Wrong(Key, Expected);
        }

        IReadOnlyList<int> Integers(JsonNode? node) => node is JsonArray array
            ? [.. array.Select(
                item => item is JsonValue value && value.TryGetValue(out int index) ? index : throw root.Wrong(Key, Expected))]
            : throw root.Wrong(Key, Expected);

        // No tokens are no adapter.
        static IReadOnlyList<TokenIndices> OfList(string? module, IReadOnlyList<int> indices) =>
            indices.Count == 0 ? [] : [new TokenIndices(module, indices)];
    }

    internal static JsonNode? ToJson(IReadOnlyList<TokenIndices> entries) => entries switch
    {
        [] => null,
        [{ Module: null } all] => List(all),
        _ => new JsonObject(entries.Select(entry => KeyValuePair.Create(entry.Module!, (JsonNode?)List(entry)))),
    };

    private static JsonArray List(TokenIndices entry) => new([.. entry.Indices.Select(index => (JsonNode?)index)]);
}
