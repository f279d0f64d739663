using System.Buffers;
using System.Text.Json;
using Engine.Tests;
using Microsoft.ML.Tokenizers;
using MicrosoftBpeOptions = Microsoft.ML.Tokenizers.BpeOptions;

namespace Engine.Tokenizers.Tests;

/// <summary>The adapter to Microsoft.ML.Tokenizers, and that package's own byte-level BPE as an oracle of ours.</summary>
public sealed class MicrosoftTokenizerTests
{
    private static readonly Tokenizer s_tiny = TestTokenizer.TinyRobertaWithoutPrefix();

    private static IEnumerable<string> Texts =>
        OffsetGoldenTests.Lines("tiny-roberta").Select(line => line.GetProperty("text").GetString()!);

    [Fact]
    public void Tokens_ids_and_text_are_those_on_record()
    {
        Tokenizer tiny = TestTokenizer.TinyRoberta();
        var adapter = tiny.AsMicrosoftTokenizer();
        foreach (JsonElement line in OffsetGoldenTests.Lines("tiny-roberta"))
        {
            string text = line.GetProperty("text").GetString()!;
            int[] ids = GoldenTokenizerTests.Ints(line, "ids"), offsets = GoldenTokenizerTests.Ints(line, "offsets");
            IReadOnlyList<EncodedToken> tokens = adapter.EncodeToTokens(text, out string? normalized);
            Assert.Null(normalized);
            Assert.Equal(ids, tokens.Select(token => token.Id));
            Assert.Equal(offsets, tokens.SelectMany(token => new[] { token.Offset.Start.Value, token.Offset.End.Value }));
            Assert.Equal(ids, adapter.EncodeToIds(text.AsSpan()));
            Assert.Equal(ids.Length, adapter.CountTokens(text));
            Assert.Equal(tiny.Decode(ids), adapter.Decode(ids));
        }
    }

    /// <summary>The ids of a text that was cut are the first or last of the whole text's, and begin or end where the index says.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Cut_texts_keep_what_fits(bool special)
    {
        var adapter = s_tiny.AsMicrosoftTokenizer(special);
        int around = special ? 2 : 0, cuts = 0;
        foreach (string text in Texts.Where(text => text.Length is > 3 and < 40))
        {
            int[] all = [.. adapter.EncodeToIds(text)];
            int[] own = all[(special ? 1 : 0)..^(special ? 1 : 0)];
            for (int most = 1; most < all.Length; most += 2)
            {
                int[] ids = [.. adapter.EncodeToIds(text, most, out _, out int consumed)];
                Assert.True(ids.Length <= most);
                int kept = Math.Max(0, ids.Length - around);
                Assert.Equal(own[..kept], ids.Length > 0 && special ? ids[1..^1] : ids);
                Assert.Equal(consumed, adapter.GetIndexByTokenCount(text, most, out _, out int count));
                Assert.Equal(ids.Length, count);
                Assert.False(consumed < text.Length && char.IsLowSurrogate(text[consumed]));
                Assert.Equal(kept == 0, consumed == 0);

                int start = adapter.GetIndexByTokenCountFromEnd(text, most, out _, out int last);
                Assert.True(last <= most);
                Assert.False(start < text.Length && char.IsLowSurrogate(text[start]));
                cuts += consumed < text.Length && start > 0 ? 1 : 0;
            }
        }

        Assert.True(cuts > 100);
    }

    [Fact]
    public void Cuts_fall_before_the_blank_of_the_next_word_and_never_inside_a_character()
    {
        var adapter = s_tiny.AsMicrosoftTokenizer(addSpecialTokens: false);
        const string Text = "it is😀";
        IReadOnlyList<EncodedToken> tokens = adapter.EncodeToTokens(Text, out _);
        int words = tokens.TakeWhile(token => token.Offset.End.Value <= 5).Count();
        Assert.True(tokens.Count > words + 1, "the emoji has to be several tokens");
        Assert.Equal(5, adapter.GetIndexByTokenCount(Text, words, out _, out int count));
        Assert.Equal(words, count);
        Assert.Equal(5, adapter.GetIndexByTokenCount(Text, tokens.Count - 1, out _, out count));
        Assert.Equal(words, count);
        Assert.Equal(Text.Length, adapter.GetIndexByTokenCountFromEnd(Text, 1, out _, out count));
        Assert.Equal(0, count);
        Assert.Equal(
            2, adapter.GetIndexByTokenCountFromEnd(
                Text, tokens.Count - tokens.TakeWhile(token => token.Offset.End.Value <= 2).Count(), out _, out _));
    }

    [Fact]
    public void Room_for_less_than_the_special_tokens_is_room_for_nothing()
    {
        var adapter = s_tiny.AsMicrosoftTokenizer();
        Assert.Empty(adapter.EncodeToIds("a b", 1, out _, out int consumed));
        Assert.Equal(0, consumed);
        Assert.Equal(3, adapter.GetIndexByTokenCountFromEnd("a b", 1, out _, out _));
        Assert.Equal([0, 2], adapter.EncodeToIds("a b", 2, out _, out _));
    }

    [Fact]
    public void Normalizer_and_pre_tokenizer_are_left_out_where_a_call_says_so()
    {
        var adapter = TestTokenizer.OfJson("""
            {"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "-": 2, "A": 3, "a-": 4}, "merges": ["a -"]},
             "normalizer": {"type": "Lowercase"}, "pre_tokenizer": {"type": "Split", "pattern": {"String": "-"}, "behavior": "Isolated", "invert": false}}
            """).AsMicrosoftTokenizer();
        Assert.Equal([0, 2, 1], adapter.EncodeToIds("A-b"));
        Assert.Equal([4, 1], adapter.EncodeToIds("A-b", considerPreTokenization: false));
        Assert.Equal([3, 2, 1], adapter.EncodeToIds("A-b", considerNormalization: false));
        Assert.Equal(2, adapter.CountTokens("A-b", considerPreTokenization: false));
    }

    [Fact]
    public void Decoding_writes_what_there_is_room_for()
    {
        var adapter = s_tiny.AsMicrosoftTokenizer(addSpecialTokens: false);
        const string Text = "naïve 😀 text";
        int[] ids = [.. adapter.EncodeToIds(Text)];
        for (int room = 0; room <= Text.Length + 1; room++)
        {
            char[] destination = new char[room];
            OperationStatus status = adapter.Decode(ids, destination, out int consumed, out int written);
            Assert.Equal(room < Text.Length ? OperationStatus.DestinationTooSmall : OperationStatus.Done, status);
            Assert.Equal(adapter.Decode(ids.Take(consumed)), new string(destination, 0, written));
            Assert.Equal(Text[..written], new string(destination, 0, written));
            Assert.Equal(room >= Text.Length, consumed == ids.Length);
        }

        Assert.Equal(OperationStatus.InvalidData, adapter.Decode([ids[0], 1_000_000], new char[9], out int valid, out _));
        Assert.Equal(1, valid);
        Assert.Equal("x", s_tiny.AsMicrosoftTokenizer(skipSpecialTokens: true).Decode(s_tiny.Encode("x").Ids));
    }

    public static TheoryData<string, string> ByteLevel { get; } = new()
    {
        { "roberta-base", "data/roberta-base-tokenizer" },
        { "qwen2", "data/qwen2-tokenizer" },
    };

    /// <summary>Every text of the goldens and random ones; text in form C, since a normalizer is no part of their model.</summary>
    [SharedTheory]
    [MemberData(nameof(ByteLevel))]
    public void Byte_level_merges_equal_those_of_Microsoft(string name, string folder)
    {
        string vocabulary = SharedFiles.Path($"{folder}/vocab.json"), merges = SharedFiles.Path($"{folder}/merges.txt");
        PieceScanner scanner = name == "qwen2" ? SplitPattern.ScanQwen2 : SplitPattern.ScanGpt2;
        IEnumerable<string> golden =
            TestTokenizer.Lines($"goldens/tokenizers/{name}.jsonl").Select(line => line.GetProperty("text").GetString()!);
        CheckOracle(
            TestTokenizer.Load(
                folder, ["vocab.json", "merges.txt", .. name == "qwen2" ? ["tokenizer_config.json"] : Array.Empty<string>()]),
            new MicrosoftBpeOptions(vocabulary, merges), scanner, golden.Concat(Texts));
    }

    [Fact]
    public void Byte_level_merges_of_this_repository_equal_those_of_Microsoft()
    {
        using JsonDocument json = JsonDocument.Parse(File.ReadAllText(Repository.Path("models/tiny-roberta/tokenizer.json")));
        JsonElement model = json.RootElement.GetProperty("model");
        MicrosoftBpeOptions options = new(
            model.GetProperty("vocab").EnumerateObject().Select(entry => KeyValuePair.Create(entry.Name, entry.Value.GetInt32())))
        {
            Merges = [.. model.GetProperty("merges").EnumerateArray().Select(Merge)],
        };
        CheckOracle(s_tiny, options, SplitPattern.ScanGpt2, Texts);
    }

    /// <summary>
    /// The published algorithm, word for word: of all pairs that merge the one of the lowest rank, the leftmost of equals, until none
    /// merges.
    /// </summary>
    [Fact]
    public void Byte_level_merges_equal_the_published_algorithm()
    {
        using JsonDocument json = JsonDocument.Parse(File.ReadAllText(Repository.Path("models/tiny-roberta/tokenizer.json")));
        JsonElement model = json.RootElement.GetProperty("model");
        Dictionary<string, int> ranks =
            model.GetProperty("merges").EnumerateArray().Select(Merge).Index().ToDictionary(entry => entry.Item, entry => entry.Index);
        Dictionary<string, int> vocabulary =
            model.GetProperty("vocab").EnumerateObject().ToDictionary(entry => entry.Name, entry => entry.Value.GetInt32());
        foreach (string text in Texts.Concat(RandomTexts()))
        {
            List<Piece> pieces = [];
            ScannerPreTokenizer.Split(SplitPattern.ScanGpt2, new Piece(new AlignedText(text), startsText: true), pieces);
            int[] expected = [.. pieces.SelectMany(piece => Merged(piece.Span.ToString()).Select(symbol => vocabulary[symbol]))];
            Assert.Equal(expected, s_tiny.EncodePart(text, startsText: true));
        }

        List<string> Merged(string word)
        {
            List<string> symbols = [.. System.Text.Encoding.UTF8.GetBytes(word).Select(value => ByteAlphabet.Characters[value].ToString())];
            while (symbols.Zip(symbols.Skip(1), (left, right) => ranks.GetValueOrDefault($"{left} {right}", int.MaxValue))
                .ToList() is { Count: > 0 } pairs
                && pairs.Min() is var best and < int.MaxValue)
            {
                int at = pairs.IndexOf(best);
                symbols[at] += symbols[at + 1];
                symbols.RemoveAt(at + 1);
            }

            return symbols;
        }
    }

    private static string Merge(JsonElement merge) =>
        merge.ValueKind == JsonValueKind.Array ? $"{merge[0]} {merge[1]}" : merge.GetString()!;

    private static void CheckOracle(Tokenizer tokenizer, MicrosoftBpeOptions options, PieceScanner scanner, IEnumerable<string> texts)
    {
        options.ByteLevel = true;
        options.PreTokenizer = new OurPieces(scanner);
        BpeTokenizer oracle = BpeTokenizer.Create(options);
        foreach (string text in texts.Concat(RandomTexts()))
        {
            string composed = UnicodeNormalization.Normalize(text, System.Text.NormalizationForm.FormC);
            Assert.Equal(oracle.EncodeToIds(composed), tokenizer.EncodePart(composed, startsText: true));
        }
    }

    /// <summary>Runs, words and characters of every plane, from a fixed seed.</summary>
    private static IEnumerable<string> RandomTexts()
    {
        Random random = new(20240607);
        for (int i = 0; i < 300; i++)
        {
            System.Text.StringBuilder text = new();
            int length = random.Next(1, 40);
            while (text.Length < length)
            {
                int point = random.Next(8) switch
                {
                    < 4 => random.Next(' ', 0x7F),
                    4 => random.Next(0, 0x250),
                    5 => random.Next(0x250, 0x3000),
                    6 => random.Next(0x3000, 0xD800),
                    _ => random.Next(0x1F300, 0x1FA00),
                };
                text.Insert(text.Length, new System.Text.Rune(point).ToString(), random.Next(6) == 0 ? random.Next(1, 9) : 1);
            }

            yield return text.ToString();
        }
    }

    private sealed class OurPieces(PieceScanner scanner) : PreTokenizer
    {
        public override IEnumerable<(int Offset, int Length)> PreTokenize(string text)
        {
            List<Piece> pieces = [];
            ScannerPreTokenizer.Split(scanner, new Piece(new AlignedText(text), startsText: true), pieces);
            return pieces.Select(piece => (piece.Start, piece.Length));
        }

        public override IEnumerable<(int Offset, int Length)> PreTokenize(ReadOnlySpan<char> text) => PreTokenize(text.ToString());
    }
}
