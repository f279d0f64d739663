using System.IO.Compression;
using System.Text.Json;
using Engine.Tests;

namespace Engine.Tokenizers.Tests;

/// <summary>
/// Ids and offsets of every line in <c>Goldens</c>, which Hugging Face's tokenizers wrote: published tokenizers, and small ones of every
/// component, on composed and decomposed characters, white space, added tokens with text on both sides, runs of one character and merges
/// that overlap.
/// </summary>
public sealed class OffsetGoldenTests
{
    public static TheoryData<string, string> Published { get; } = new()
    {
        { "roberta-base", "data/roberta-base-tokenizer/tokenizer.codebert.json" },
        { "all-MiniLM-L6-v2", "data/models/all-MiniLM-L6-v2/tokenizer.json" },
        { "qwen2", "goldens/tokenizers/qwen2/tokenizer.json" },
        { "llama3-style", "goldens/tokenizers/llama3-style/tokenizer.json" },
        { "llama2-style", "goldens/tokenizers/llama2-style/tokenizer.json" },
        { "tinystory-llama", "data/models/tinystory-llama/tokenizer.json" },
    };

    private static readonly Dictionary<string, JsonElement> s_components =
        Lines("components").ToDictionary(line => line.GetProperty("name").GetString()!);

    public static TheoryData<string> Components { get; } = new(s_components.Keys);

    private static readonly Dictionary<string, JsonElement> s_unigrams =
        Lines("unigram").ToDictionary(line => line.GetProperty("name").GetString()!);

    public static TheoryData<string> Unigrams { get; } = new(s_unigrams.Keys);

    [SharedTheory]
    [MemberData(nameof(Published))]
    public void Published_tokenizer_gives_the_ids_and_offsets_of_Hugging_Face(string name, string file) =>
        Check(TestTokenizer.OfJson(File.ReadAllText(SharedFiles.Path(file))), Lines(name));

    [Fact]
    public void Tokenizer_of_this_repository_gives_the_ids_and_offsets_of_Hugging_Face() =>
        Check(TestTokenizer.TinyRoberta(), Lines("tiny-roberta"));

    [Theory]
    [MemberData(nameof(Components))]
    public void Component_gives_the_ids_and_offsets_of_Hugging_Face(string name)
    {
        JsonElement line = s_components[name];
        Check(TestTokenizer.OfJson(line.GetProperty("tokenizer").GetRawText()), line.GetProperty("cases").EnumerateArray());
    }

    /// <summary>As XLM-RoBERTa, T5 and DeBERTa-v3 have them, with bytes, and with scores of which many are equal.</summary>
    [Theory]
    [MemberData(nameof(Unigrams))]
    public void Unigram_model_gives_the_ids_offsets_and_texts_of_Hugging_Face(string name)
    {
        JsonElement line = s_unigrams[name];
        Tokenizer tokenizer = TestTokenizer.OfJson(line.GetProperty("tokenizer").GetRawText().Replace(
            "\"nmt_nfkc\"", $"\"{Convert.ToBase64String(Charsmap())}\"", StringComparison.Ordinal));
        Check(tokenizer, line.GetProperty("cases").EnumerateArray());
        Assert.All(line.GetProperty("cases").EnumerateArray(), one => Assert.Equal(
            one.GetProperty("decoded").GetString(), tokenizer.Decode(GoldenTokenizerTests.Ints(one, "ids"), skipSpecialTokens: true)));
    }

    /// <summary>Places come from where a character stands, so that one without a token moves none of those after it.</summary>
    [Fact]
    public void Characters_without_a_token_shift_nothing()
    {
        Tokenizer tokenizer = TestTokenizer.OfJson("""
            {"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}}
            """);
        Assert.Equal([new(2, 4), new(6, 7)], tokenizer.Encode("😀abé!b", new EncodeOptions { Offsets = true }).Offsets!);
    }

    [Fact]
    public void Pairs_cut_and_padded_keep_the_offsets_of_what_stays()
    {
        Tokenizer tokenizer = TestTokenizer.TinyRoberta();
        EncodeOptions options = new() { MaxLength = 12, PadToMaxLength = true, Offsets = true };
        TokenOffset none = default;
        Encoding encoding = tokenizer.Encode("one two", "x", options);
        TokenOffset[] first = tokenizer.Encode("one two", new EncodeOptions { AddSpecialTokens = false, Offsets = true }).Offsets!;
        TokenOffset[] expected = [none, .. first, none, none, new(0, 1), none];
        Assert.Equal(expected.Concat(Enumerable.Repeat(none, 12 - expected.Length)), encoding.Offsets);
        Encoding cut = tokenizer.Encode("one two", "x", options with { MaxLength = 4 + 2 });
        Assert.Equal([none, first[0], none, none, new(0, 1), none], cut.Offsets!);
        Assert.Null(tokenizer.Encode("one two").Offsets);
    }

    internal static IEnumerable<JsonElement> Lines(string name)
    {
        string folder = Path.Combine(AppContext.BaseDirectory, "Goldens");
        return File.ReadLines(Path.Combine(folder, $"{name}.jsonl")).Select(line => JsonDocument.Parse(line).RootElement);
    }

    /// <summary>SentencePiece's table of <c>nmt_nfkc</c>.</summary>
    internal static byte[] Charsmap()
    {
        using FileStream file = File.OpenRead(Path.Combine(AppContext.BaseDirectory, "Goldens", "nmt_nfkc.charsmap.gz"));
        using var table = new GZipStream(file, CompressionMode.Decompress);
        using var bytes = new MemoryStream();
        table.CopyTo(bytes);
        return bytes.ToArray();
    }

    private static void Check(Tokenizer tokenizer, IEnumerable<JsonElement> cases)
    {
        List<string> differences = [];
        int count = 0;
        foreach (JsonElement line in cases)
        {
            string text = line.GetProperty("text").GetString()!;
            int[] ids = GoldenTokenizerTests.Ints(line, "ids"), offsets = GoldenTokenizerTests.Ints(line, "offsets");
            Encoding encoding = tokenizer.Encode(text, new EncodeOptions { Offsets = true });
            int[] actual = [.. encoding.Offsets!.SelectMany(offset => new[] { offset.Start, offset.End })];
            if (!ids.SequenceEqual(encoding.Ids) || !offsets.SequenceEqual(actual))
            {
                differences.Add(
                    $"{JsonSerializer.Serialize(text)}: expected {string.Join(' ', ids)} at {string.Join(' ', offsets)},\n"
                    + $"    got {string.Join(' ', encoding.Ids)} at {string.Join(' ', actual)}");
            }

            Assert.Equal(encoding.Ids, tokenizer.Encode(text).Ids);
            count++;
        }

        Assert.NotEqual(0, count);
        Assert.True(differences.Count == 0, $"{differences.Count} of {count} differ:\n" + string.Join('\n', differences.Take(10)));
    }
}
