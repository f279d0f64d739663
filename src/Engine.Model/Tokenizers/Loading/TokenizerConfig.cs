using System.Text.Json;

namespace Engine.Model.Tokenizers;

/// <summary>What tokenizer_config.json and special_tokens_map.json say. Keys that no tokenizer here needs (chat templates and the like) are left alone.</summary>
internal sealed class TokenizerConfig
{
    private readonly JsonField? config;
    private readonly JsonField? map;

    public TokenizerConfig(TokenizerFile? config, TokenizerFile? specialTokensMap)
    {
        this.config = config?.ReadJson();
        map = specialTokensMap?.ReadJson();
    }

    public string? TokenizerClass => config?.Find("tokenizer_class")?.Text();

    /// <summary>The longest input that the model was made for; absurdly large numbers mean none.</summary>
    public int? ModelMaxLength =>
        config?.Find("model_max_length") is { Kind: JsonValueKind.Number } length && length.Value.TryGetInt32(out int value) && value > 0 ? value : null;

    public Side PaddingSide => ReadSide("padding_side");

    public Side TruncationSide => ReadSide("truncation_side");

    public bool Flag(string name, bool absent) => config?.Flag(name, absent) ?? absent;

    /// <summary>The token of a role such as <c>pad_token</c>; <paramref name="known"/> says whether the files speak of the role at all.</summary>
    public string? SpecialToken(string role, out bool known)
    {
        known = false;
        foreach (JsonField? file in new[] { config, map })
        {
            if (file is JsonField root && root.Kind == JsonValueKind.Object && root.Value.TryGetProperty(role, out _))
            {
                known = true;
                return root.Find(role) is JsonField token ? Content(token) : null;
            }
        }

        return null;
    }

    /// <summary>Tokens of <c>added_tokens_decoder</c>, with ids and flags.</summary>
    public IEnumerable<AddedToken> AddedTokens()
    {
        foreach ((string id, JsonField token) in config?.Find("added_tokens_decoder")?.Properties() ?? [])
        {
            yield return int.TryParse(id, out int number)
                ? TokenizerJson.ReadAddedToken(token, number)
                : throw new InvalidDataException($"{token.File}: {token.Path} has the key \"{id}\"; expected a token id.");
        }
    }

    /// <summary>Every text that the files call a special token.</summary>
    public HashSet<string> SpecialTexts()
    {
        HashSet<string> texts = [.. SpecialTokens.Roles.Select(role => SpecialToken(role, out _)).OfType<string>()];
        foreach (JsonField? file in new[] { config, map })
        {
            texts.UnionWith(file?.Find("additional_special_tokens")?.Items().Select(Content) ?? []);
        }

        return texts;
    }

    private static string Content(JsonField token) => token.Kind == JsonValueKind.Object ? token.Get("content").Text() : token.Text();

    private Side ReadSide(string name)
    {
        JsonField? side = config?.Find(name);
        return side?.Text() switch
        {
            null or "right" => Side.Right,
            "left" => Side.Left,
            _ => throw side!.Value.Wrong("\"right\" or \"left\""),
        };
    }
}
