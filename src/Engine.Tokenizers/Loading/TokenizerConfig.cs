using System.Text.Json;

namespace Engine.Tokenizers;

/// <summary>
/// What tokenizer_config.json and special_tokens_map.json say. Keys that no tokenizer here needs (chat templates and the like) are left
/// alone.
/// </summary>
internal sealed class TokenizerConfig
{
    private const string ClassKey = "tokenizer_class";

    /// <summary>The classes of Transformers' AutoTokenizer by <c>model_type</c>.</summary>
    private static readonly Dictionary<string, string> s_classes = new(StringComparer.Ordinal)
    {
        ["bert"] = "BertTokenizer",
        ["roberta"] = "RobertaTokenizer",
        ["distilbert"] = "DistilBertTokenizer",
        ["mpnet"] = "MPNetTokenizer",
        ["xlm-roberta"] = "XLMRobertaTokenizer",
        ["gpt2"] = "GPT2Tokenizer",
        ["llama"] = "LlamaTokenizer",
        ["qwen2"] = "Qwen2Tokenizer",
        ["qwen3"] = "Qwen2Tokenizer",
        ["mistral"] = "LlamaTokenizer",
        ["phi3"] = "LlamaTokenizer",
        ["gemma2"] = "GemmaTokenizer",
        ["gemma3_text"] = "GemmaTokenizer",
        ["olmo2"] = "GPT2Tokenizer",
    };

    private readonly JsonField? config;
    private readonly JsonField? map;

    /// <param name="folder">The folder, for messages.</param>
    /// <param name="config">tokenizer_config.json.</param>
    /// <param name="specialTokensMap">special_tokens_map.json.</param>
    /// <param name="modelConfig">config.json of the model, which names the class where tokenizer_config.json does not.</param>
    public TokenizerConfig(string folder, TokenizerFile? config, TokenizerFile? specialTokensMap, TokenizerFile? modelConfig)
    {
        Path = config?.Path ?? folder;
        this.config = config?.ReadJson();
        map = specialTokensMap?.ReadJson();
        TokenizerClass = ClassOf(this.config, modelConfig?.ReadJson());
    }

    /// <summary>The file, for messages; the folder where it has none.</summary>
    public string Path { get; }

    /// <summary>The class that Transformers would make, without the ending of its fast form; null where nothing says.</summary>
    public string? TokenizerClass { get; }

    /// <summary>
    /// The longest input that the model was made for; null where the file says none: by its silence, or by a number beyond every text such
    /// as 1e30 or Infinity.
    /// </summary>
    public int? ModelMaxLength
    {
        get
        {
            if (config?.Find("model_max_length") is not JsonField length)
            {
                return null;
            }

            double tokens = length.Kind == JsonValueKind.Number ? length.Value.GetDouble() : throw length.Wrong("a number of tokens");
            return tokens > int.MaxValue ? null
                : tokens >= 1 && tokens == Math.Floor(tokens) ? (int)tokens
                : throw length.Wrong("a whole number of at least 1, or a very large one for none");
        }
    }

    public Side PaddingSide => ReadSide("padding_side");

    public Side TruncationSide => ReadSide("truncation_side");

    /// <summary>A flag; null where the file does not say it.</summary>
    public bool? Flag(string name) => config?.Find(name)?.Flag();

    /// <summary>
    /// The token of a role such as <c>pad_token</c>; <paramref name="known"/> says whether the files speak of the role at all.
    /// </summary>
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

    private static string? ClassOf(JsonField? config, JsonField? modelConfig)
    {
        const string Fast = "Fast";
        string? name = config?.Find(ClassKey)?.Text() ?? modelConfig?.Find(ClassKey)?.Text()
            ?? (modelConfig?.Find("model_type")?.Text() is { } type ? s_classes.GetValueOrDefault(type) : null);
        return name?.EndsWith(Fast, StringComparison.Ordinal) == true ? name[..^Fast.Length] : name;
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
