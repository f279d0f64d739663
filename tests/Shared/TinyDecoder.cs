using System.Text.Json;

namespace Engine.Tests;

/// <summary>
/// A decoder small enough for a test, with random weights, whose tokens are the 256 bytes and the special tokens of the known chat
/// templates.
/// </summary>
internal static class TinyDecoder
{
    public const string ChatMl =
        "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}";

    public static IReadOnlyList<string> SpecialTokens { get; } =
        ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"];

    public const int EndOfText = 256, TurnStart = 257, TurnEnd = 258, BeginOfText = 259, HeaderStart = 260, HeaderEnd = 261,
        Llama3TurnEnd = 262;

    /// <summary>Writes config.json, weights and the tokenizer's files into a folder, which is made.</summary>
    public static void Write(string folder, string? chatTemplate = ChatMl)
    {
        WriteTokenizer(folder, chatTemplate);
        File.WriteAllText(Path.Combine(folder, "config.json"), """
            {
              "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "vocab_size": 272, "hidden_size": 32, "num_hidden_layers": 2,
              "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 48, "max_position_embeddings": 256, "hidden_act": "silu",
              "rms_norm_eps": 1e-06, "rope_theta": 10000.0, "tie_word_embeddings": true, "initializer_range": 0.1, "attention_dropout": 0.0
            }
            """);
        TinyWeights.Write(folder);
    }

    /// <summary>Writes the tokenizer's files alone.</summary>
    /// <param name="roles">Special tokens by their role; null: the end of text alone.</param>
    /// <param name="tokens">Further special tokens.</param>
    public static void WriteTokenizer(
        string folder, string? chatTemplate = ChatMl, IReadOnlyDictionary<string, string>? roles = null,
        IReadOnlyList<string>? tokens = null)
    {
        roles ??= new Dictionary<string, string> { ["eos_token"] = "<|endoftext|>" };
        Directory.CreateDirectory(folder);
        Dictionary<string, int> vocabulary = Enumerable.Range(0, 256).ToDictionary(value => $"<0x{value:X2}>");
        File.WriteAllText(Path.Combine(folder, "tokenizer.json"), JsonSerializer.Serialize(new
        {
            model = new { type = "BPE", vocab = vocabulary, merges = Array.Empty<string>(), byte_fallback = true },
            added_tokens = SpecialTokens.Concat(roles.Values)
                .Concat(tokens ?? []).Distinct().Select((content, i) => new { id = 256 + i, content, special = true, normalized = false }),
            decoder = new { type = "Sequence", decoders = new[] { new { type = "ByteFallback" }, new { type = "Fuse" } } },
        }));
        Dictionary<string, string> config = roles.ToDictionary();
        if (chatTemplate is not null)
        {
            config["chat_template"] = chatTemplate;
        }

        File.WriteAllText(Path.Combine(folder, "tokenizer_config.json"), JsonSerializer.Serialize(config));
    }
}
