using System.Text;
using Engine.Tokenizers;
using Engine.Tests;

namespace Engine.Tokenizers.Tests;

/// <summary>Text that is given out token by token joins to the text of all tokens, whatever the tokens are.</summary>
public sealed class StreamingDecoderTests
{
    private const int Sequences = 60, LongestSequence = 300;

    [Theory]
    [InlineData("goldens/tokenizers/llama3-style", "tokenizer.json")]
    [InlineData("goldens/tokenizers/roberta-base", "vocab.json", "merges.txt")]
    [SharedInlineData("goldens/tokenizers/qwen2", "tokenizer.json")]
    public void Random_tokens_of_bytes_join_to_their_text(string folder, params string[] files)
    {
        Tokenizer tokenizer = TestTokenizer.Load(folder, files);
        Random random = new(11);
        int[] singleBytes = [.. Enumerable.Range(0, tokenizer.VocabularySize).Where(id => tokenizer.IdToToken(id) is { Length: 1 })];
        for (int sequence = 0; sequence < Sequences; sequence++)
        {
            // Half of the sequences are mostly single bytes, which seldom are whole characters.
            int[] ids = [.. Enumerable.Range(0, 1 + random.Next(LongestSequence)).Select(_ => sequence % 2 == 0 && random.Next(4) > 0
                ? singleBytes[random.Next(singleBytes.Length)]
                : random.Next(tokenizer.VocabularySize))];
            Joins(tokenizer, ids);
        }
    }

    [Theory]
    [InlineData("goldens/tokenizers/llama2-style")]
    [SharedInlineData("data/models/tinystory-llama")]
    [SharedInlineData("goldens/tokenizers/qwen2")]
    public void Random_characters_join_to_their_text(string folder)
    {
        Tokenizer tokenizer = TestTokenizer.Load(folder, "tokenizer.json");
        Random random = new(12);
        for (int sequence = 0; sequence < Sequences; sequence++)
        {
            StringBuilder text = new();
            for (int i = random.Next(80); i >= 0; i--)
            {
                text.Append(random.Next(3) > 0 ? "some words in between "[random.Next(10)..] : RandomCharacter(random).ToString());
            }

            Joins(tokenizer, tokenizer.Encode(text.ToString()).Ids);
        }
    }

    [Fact]
    public void Incomplete_character_is_held_back_while_the_text_before_it_is_given()
    {
        Tokenizer tokenizer = TestTokenizer.Load("goldens/tokenizers/llama3-style", "tokenizer.json");
        int[] ids = tokenizer.EncodePart("ab 😀!", startsText: true);
        StreamingDecoder stream = tokenizer.CreateStream();
        string shown = "";
        foreach (int id in ids)
        {
            shown += stream.Add(id);
            Assert.StartsWith(shown, "ab 😀!", StringComparison.Ordinal);
        }

        Assert.Equal("ab 😀!", shown);
    }

    private static void Joins(Tokenizer tokenizer, int[] ids)
    {
        foreach (bool skip in new[] { false, true })
        {
            StreamingDecoder stream = tokenizer.CreateStream(skip);
            Assert.Equal(tokenizer.Decode(ids, skip), string.Concat(ids.Select(stream.Add)) + stream.Flush());
        }
    }

    private static Rune RandomCharacter(Random random)
    {
        while (true)
        {
            // U+FFFD itself is left out: where it stands for broken bytes is another test.
            if (Rune.TryCreate(random.Next(0xA0, 0x20000), out Rune rune) && rune.Value != 0xFFFD)
            {
                return rune;
            }
        }
    }
}
