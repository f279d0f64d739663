using Engine.Tokenizers;

namespace Engine.Tokenizers.Tests;

/// <summary>What a unigram model refuses, and one worked out by hand.</summary>
public sealed class TokenizerUnigramTests
{
    /// <summary>log p of "ab" + "c" is -5, of "a" + "bc" -4, of three letters -6.</summary>
    [Fact]
    public void Most_probable_cover_is_taken()
    {
        Tokenizer tokenizer = TestTokenizer.OfJson("""
            {"model": {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0], ["a", -2], ["b", -2], ["c", -2], ["ab", -3], ["bc", -2]]}}
            """);
        Assert.Equal([1, 5, 0, 4], tokenizer.Encode("abc!?ab").Ids);
    }

    [Theory]
    [InlineData("""{"vocab": [["a", -1]], "unk_id": 1}""", "$.model.unk_id is 1; expected the id of one of the 1 tokens")]
    [InlineData("""{"vocab": [["a", -1]]}""", "unk_id")]
    [InlineData("""{"vocab": [["a", -1], ["a", -2]], "unk_id": 0}""", "token \"a\" is in the vocabulary twice")]
    [InlineData("""{"vocab": [["a"]], "unk_id": 0}""", "a pair of a token and a number")]
    [InlineData("""{"vocab": [["a", "b"]], "unk_id": 0}""", "a number")]
    [InlineData("""{"vocab": {"a": 0}, "unk_id": 0}""", "an array of pairs")]
    [InlineData("""{"vocab": [], "unk_id": 0}""", "the vocabulary is empty")]
    public void Broken_model_is_refused(string model, string problem) => Refused(
        "{\"model\": {\"type\": \"Unigram\", " + model[1..] + "}", problem);

    [Theory]
    [InlineData("AQ==", "1 bytes")]
    [InlineData("/////w==", "4 bytes")]
    [InlineData("no base64!", "a table in base64")]
    public void Broken_table_is_refused(string table, string problem) => Refused(
        $$$"""
        {"normalizer": {"type": "Precompiled", "precompiled_charsmap": "{{{table}}}"},
         "model": {"type": "Unigram", "unk_id": 0, "vocab": [["a", -1]]}}
        """,
        problem);

    /// <summary>Steps that lead beyond what is left of a table replace nothing, and are no error.</summary>
    [Theory]
    [InlineData(7)]
    [InlineData(4099)]
    public void Cut_table_leaves_characters_alone(int units)
    {
        byte[] whole = OffsetGoldenTests.Charsmap();
        var normalizer = new PrecompiledNormalizer([.. BitConverter.GetBytes(4 * units), .. whole[4..(4 + (4 * units))]]);
        string given = string.Join(' ', Enumerable.Range(0xA0, 0xD700).Select(point => (char)point));
        AlignedText text = new(given, tracks: true);
        normalizer.Normalize(text);
        Assert.Equal(given, text.Text);
    }

    private static void Refused(string json, string problem) =>
        Assert.Contains(problem, Assert.Throws<InvalidDataException>(() => TestTokenizer.OfJson(json)).Message, StringComparison.Ordinal);
}
