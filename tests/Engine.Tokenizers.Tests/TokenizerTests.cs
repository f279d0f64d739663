using Engine.Tokenizers;
using Engine.Tests;

namespace Engine.Tokenizers.Tests;

public sealed class TokenizerTests
{
    /// <summary>Letters a to e and a blank as tokens 0 to 5, without merges, and one added token.</summary>
    private static Tokenizer WithAdded(string token, string rest = "") => TestTokenizer.OfJson($$"""
        {"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "c": 2, "d": 3, "e": 4, " ": 5}, "merges": []},
         "added_tokens": [{{token}}]{{rest}}}
        """);

    [Theory]
    [InlineData("""{"id": 6, "content": "cd"}""", "a cde", new[] { 0, 5, 6, 4 })]
    [InlineData("""{"id": 6, "content": "cd", "single_word": true}""", "a cde cd", new[] { 0, 5, 2, 3, 4, 5, 6 })]
    [InlineData("""{"id": 6, "content": "cd", "lstrip": true}""", "a  cd e", new[] { 0, 6, 5, 4 })]
    [InlineData("""{"id": 6, "content": "cd", "rstrip": true}""", "a cd  e", new[] { 0, 5, 6, 4 })]
    [InlineData("""{"id": 2, "content": "c"}, {"id": 6, "content": "cd"}""", "cdc", new[] { 6, 2 })]
    [InlineData("""{"id": 6, "content": "cd", "lstrip": true, "rstrip": true}""", "cd  cd a", new[] { 6, 6, 0 })]
    public void Added_tokens_are_found_by_their_flags(string token, string text, int[] ids) =>
        Assert.Equal(ids, WithAdded(token).Encode(text).Ids);

    [Fact]
    public void Normalized_added_token_is_found_in_normalized_text_only()
    {
        const string Lowercase = """, "normalizer": {"type": "Lowercase"}""";
        Assert.Equal([6, 0], WithAdded("""{"id": 6, "content": "CD", "normalized": true}""", Lowercase).Encode("cdA").Ids);
        Assert.Equal([2, 3, 6], WithAdded("""{"id": 6, "content": "CD", "normalized": false}""", Lowercase).Encode("cdCD").Ids);
    }

    [Theory]
    [InlineData("false", new[] { 3, 2 })]
    [InlineData("true", new[] { 4 })]
    public void Piece_that_is_a_token_needs_no_merges_where_they_are_ignored(string ignore, int[] ids) => Assert.Equal(
        ids,
        TestTokenizer.OfJson($$$"""
            {"model": {"type": "BPE", "ignore_merges": {{{ignore}}}, "vocab": {"a": 0, "b": 1, "c": 2, "ab": 3, "abc": 4}, "merges": ["a b"]}}
            """).Encode("abc").Ids);

    [Fact]
    public void Special_token_in_the_text_of_a_part_is_ordinary_text()
    {
        Tokenizer tokenizer = WithAdded("""{"id": 6, "content": "cd", "special": true}, {"id": 7, "content": "ab"}""");
        Assert.Equal([7, 6], tokenizer.Encode("abcd").Ids);
        Assert.Equal([7, 2, 3], tokenizer.EncodePart("abcd", startsText: true));
    }

    /// <summary>Marks of blanks are cut at only where no merge joins one to what stands before; "a▁" is such a merge.</summary>
    [Theory]
    [InlineData("", "a▁▁a▁", new[] { 0, 4, 0, 1 })]
    [InlineData(""", ["a", "▁"]""", "a▁▁a▁", new[] { 0, 4, 3 })]
    public void Words_between_blanks_encode_as_in_one_piece(string merge, string text, int[] ids) => Assert.Equal(
        ids,
        TestTokenizer.OfJson($$$"""
            {"model": {"type": "BPE", "vocab": {"a": 0, "▁": 1, "▁a": 2, "a▁": 3, "▁▁": 4}, "merges": [["▁", "▁"], ["▁", "a"]{{{merge}}}]}}
            """).Encode(text).Ids);

    /// <summary>The cases of the documentation test of truncation in Hugging Face's tokenizers, for a maximum of 7.</summary>
    [Theory]
    [InlineData(0, 2, 0, 2)]
    [InlineData(0, 8, 0, 7)]
    [InlineData(2, 8, 2, 5)]
    [InlineData(4, 4, 3, 4)]
    [InlineData(4, 8, 3, 4)]
    [InlineData(8, 0, 7, 0)]
    [InlineData(8, 2, 5, 2)]
    [InlineData(8, 4, 4, 3)]
    [InlineData(8, 8, 3, 4)]
    public void Longest_text_is_cut_first(int first, int second, int keptFirst, int keptSecond)
    {
        List<int> a = [.. Enumerable.Range(0, first)], b = [.. Enumerable.Range(0, second)];
        Truncation.Apply(a, b, 7, TruncationStrategy.LongestFirst, Side.Right);
        Assert.Equal((keptFirst, keptSecond), (a.Count, b.Count));
    }

    [Fact]
    public void Special_tokens_mask_marks_what_was_added()
    {
        Tokenizer tokenizer = Roberta();
        Encoding encoding = tokenizer.Encode("Hello world", "x", EncodeOptions.Default);
        Assert.Equal([1, 0, 0, 1, 1, 0, 1], encoding.SpecialTokensMask);
        Assert.Equal((0, 2, 1, 50264), (tokenizer.ClsId, tokenizer.SepId, tokenizer.PadId, tokenizer.MaskId));
        Assert.Equal(50265, tokenizer.VocabularySize);
        Assert.Equal([0, 1, 2, 3, 50264], tokenizer.AllSpecialIds);
    }

    [Fact]
    public void Maximum_length_below_the_special_tokens_is_refused()
    {
        ArgumentException error = Assert.Throws<ArgumentException>(() => Roberta().Encode("a", "b", maxLength: 3));
        Assert.Contains("4 special tokens", error.Message, StringComparison.Ordinal);
        Assert.Equal([0, 2], Roberta().Encode("a b c", null, maxLength: 2).Ids);
    }

    [Fact]
    public void Half_of_a_surrogate_pair_encodes_as_the_replacement_character()
    {
        Tokenizer tokenizer = Roberta();
        Assert.Equal(tokenizer.Encode("a\uFFFDb").Ids, tokenizer.Encode("a\uD83Db").Ids);
    }

    [Fact]
    public void Threads_share_a_tokenizer()
    {
        Tokenizer tokenizer = Roberta();
        string[] texts = [.. TestTokenizer.Lines("goldens/tokenizers/roberta-base.jsonl")
            .Select(line => line.GetProperty("text").GetString()!)];
        int[][] expected = [.. texts.Select(text => tokenizer.Encode(text).Ids)];
        Parallel.For(0, 8 * texts.Length, i => Assert.Equal(expected[i % texts.Length], tokenizer.Encode(texts[i % texts.Length]).Ids));
    }

    [Fact]
    public void Long_text_without_blanks_takes_time_in_proportion()
    {
        // A million characters in one piece; a search for the best pair over the whole piece at each merge would take hours.
        Tokenizer tokenizer = Roberta();
        string text = string.Concat(Enumerable.Repeat("abracadabra", 100_000));
        Assert.Equal(text, tokenizer.Decode(tokenizer.Encode(text).Ids, skipSpecialTokens: true));
    }

    [Fact]
    public void Stream_gives_a_character_once_its_last_byte_has_come()
    {
        Tokenizer tokenizer = TestTokenizer.Load("goldens/tokenizers/llama2-style", "tokenizer.json");
        int[] ids = tokenizer.Encode("é😀", new EncodeOptions { AddSpecialTokens = false }).Ids;
        StreamingDecoder stream = tokenizer.CreateStream();
        List<string> given = [.. ids.Select(stream.Add)];
        Assert.Equal("😀", given[^1]);
        Assert.Equal("é😀", string.Concat(given));
        Assert.Equal("", stream.Flush());
    }

    [Fact]
    public void Stream_gives_broken_bytes_at_the_end()
    {
        Tokenizer tokenizer = Roberta();
        int[] ids = tokenizer.Encode("\U0001F600", new EncodeOptions { AddSpecialTokens = false }).Ids;
        StreamingDecoder stream = tokenizer.CreateStream();
        Assert.Equal("", stream.Add(ids[0]));
        Assert.Contains('\uFFFD', stream.Flush());
    }

    private static Tokenizer Roberta() => TestTokenizer.Load("goldens/tokenizers/roberta-base", "vocab.json", "merges.txt");
}
