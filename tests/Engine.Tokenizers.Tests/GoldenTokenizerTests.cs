using System.Text.Json;
using Engine.Tokenizers;
using Engine.Tests;

namespace Engine.Tokenizers.Tests;

/// <summary>Every line that Hugging Face's tokenizers wrote, for each published tokenizer and each form it comes in.</summary>
public sealed class GoldenTokenizerTests
{
    public static TheoryData<string, string, string[]> Encoders { get; } = new()
    {
        { "roberta-base", "goldens/tokenizers/roberta-base", ["vocab.json", "merges.txt"] },
        { "all-MiniLM-L6-v2", "goldens/tokenizers/all-MiniLM-L6-v2",
            ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"] },
        { "all-MiniLM-L6-v2", "goldens/tokenizers/all-MiniLM-L6-v2", ["vocab.txt", "tokenizer_config.json", "special_tokens_map.json"] },
    };

    public static TheoryData<string, string, string[]> SharedEncoders { get; } = new()
    {
        { "roberta-base", "data/roberta-base-tokenizer", ["tokenizer.codebert.json"] },
    };

    public static TheoryData<string, string, string[]> Decoders { get; } = new()
    {
        { "llama3-style", "goldens/tokenizers/llama3-style", ["tokenizer.json"] },
        { "llama2-style", "goldens/tokenizers/llama2-style", ["tokenizer.json"] },
    };

    public static TheoryData<string, string, string[]> SharedDecoders { get; } = new()
    {
        { "qwen2", "data/qwen2-tokenizer",
            ["vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"] },
        { "qwen2", "goldens/tokenizers/qwen2", ["tokenizer.json"] },
        { "tinystory-llama", "data/models/tinystory-llama", ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"] },
    };

    [Theory]
    [MemberData(nameof(Encoders))]
    [MemberData(nameof(Decoders))]
    [SharedMemberData(nameof(SharedEncoders))]
    [SharedMemberData(nameof(SharedDecoders))]
    public void Ids_and_decoded_text_equal_those_of_Hugging_Face(string name, string folder, string[] files)
    {
        Tokenizer tokenizer = TestTokenizer.Load(folder, files);
        List<string> differences = [];
        foreach (JsonElement line in TestTokenizer.Lines($"goldens/tokenizers/{name}.jsonl"))
        {
            string text = line.GetProperty("text").GetString()!;
            int[] ids = Ints(line, "ids");
            Compare(differences, text, "ids", ids, tokenizer.Encode(text).Ids);
            Compare(differences, text, "ids_plain", Ints(line, "ids_plain"),
                tokenizer.Encode(text, new EncodeOptions { AddSpecialTokens = false }).Ids);
            Compare(differences, text, "decoded", line.GetProperty("decoded").GetString()!, tokenizer.Decode(ids));
            Compare(differences, text, "decoded_clean", line.GetProperty("decoded_clean").GetString()!,
                tokenizer.Decode(ids, skipSpecialTokens: true));
        }

        Assert.True(differences.Count == 0, $"{differences.Count} differences:\n" + string.Join('\n', differences.Take(10)));
    }

    [Theory]
    [MemberData(nameof(Encoders))]
    [MemberData(nameof(Decoders))]
    [SharedMemberData(nameof(SharedEncoders))]
    [SharedMemberData(nameof(SharedDecoders))]
    public void Streamed_text_equals_text_decoded_at_once(string name, string folder, string[] files)
    {
        Tokenizer tokenizer = TestTokenizer.Load(folder, files);
        List<string> differences = [];
        foreach (JsonElement line in TestTokenizer.Lines($"goldens/tokenizers/{name}.jsonl"))
        {
            foreach (bool skip in new[] { false, true })
            {
                StreamingDecoder stream = tokenizer.CreateStream(skip);
                string streamed = string.Concat(Ints(line, "ids").Select(stream.Add)) + stream.Flush();
                Compare(differences, line.GetProperty("text").GetString()!, "stream", tokenizer.Decode(Ints(line, "ids"), skip), streamed);
            }
        }

        Assert.True(differences.Count == 0, $"{differences.Count} differences:\n" + string.Join('\n', differences.Take(10)));
    }

    [Theory]
    [MemberData(nameof(Encoders))]
    [SharedMemberData(nameof(SharedEncoders))]
    public void Pairs_are_cut_and_padded_as_by_Hugging_Face(string name, string folder, string[] files)
    {
        Tokenizer tokenizer = TestTokenizer.Load(folder, files);
        List<string> differences = [];
        foreach (JsonElement line in TestTokenizer.Lines($"goldens/tokenizers/{name}.pairs.jsonl"))
        {
            string first = line.GetProperty("a").GetString()!, second = line.GetProperty("b").GetString()!;
            Encoding encoding = tokenizer.EncodePadded(first, second, line.GetProperty("max_length").GetInt32());
            Compare(differences, first, "ids", Ints(line, "ids"), encoding.Ids);
            Compare(differences, first, "type_ids", Ints(line, "type_ids"), encoding.TypeIds);
            Compare(differences, first, "attention_mask", Ints(line, "attention_mask"), encoding.AttentionMask);
        }

        Assert.True(differences.Count == 0, $"{differences.Count} differences:\n" + string.Join('\n', differences.Take(10)));
    }

    internal static int[] Ints(JsonElement line, string name) =>
        [.. line.GetProperty(name).EnumerateArray().Select(value => value.GetInt32())];

    private static void Compare(List<string> differences, string text, string what, int[] expected, int[] actual)
    {
        if (!expected.AsSpan().SequenceEqual(actual))
        {
            differences.Add(
                $"{what} of {JsonSerializer.Serialize(text)}: expected {string.Join(' ', expected)}, got {string.Join(' ', actual)}");
        }
    }

    private static void Compare(List<string> differences, string text, string what, string expected, string actual)
    {
        if (expected != actual)
        {
            differences.Add(
                $"{what} of {JsonSerializer.Serialize(text)}: expected {JsonSerializer.Serialize(expected)}, "
                    + $"got {JsonSerializer.Serialize(actual)}");
        }
    }
}
