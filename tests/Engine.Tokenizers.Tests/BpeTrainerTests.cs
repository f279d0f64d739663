using System.Diagnostics;
using Engine.Tokenizers;
using Engine.Tests;
using Xunit.Abstractions;

namespace Engine.Tokenizers.Tests;

public sealed class BpeTrainerTests(ITestOutputHelper output)
{
    /// <summary>The corpus of the Hugging Face course, chapter 6 (byte-pair encoding), and the merges that it derives by hand.</summary>
    [Fact]
    public void Merges_of_the_course_example_are_learned_in_its_order()
    {
        BpeTrainer trainer = new();
        foreach ((string word, int count) in new[] { ("hug", 10), ("pug", 5), ("pun", 12), ("bun", 4), ("hugs", 5) })
        {
            for (int i = 0; i < count; i++)
            {
                trainer.AddText(word);
            }
        }

        TrainedBpe trained = trainer.Train(BpeTrainer.SmallestSize + 3);

        Assert.Equal([("u", "g"), ("u", "n"), ("h", "ug")], trained.Merges);
        Assert.Equal(["ug", "un", "hug"], trained.Tokens.Skip(BpeTrainer.SmallestSize));
    }

    /// <summary>abab, abab, cd, cd: (a,b) comes four times; then (ab,ab) and (c,d) come twice each, and c is the lower id.</summary>
    [Fact]
    public void Of_equally_frequent_pairs_the_lower_ids_go_first()
    {
        BpeTrainer trainer = new();
        foreach (string word in new[] { "abab", "cd", "abab", "cd" })
        {
            trainer.AddText(word);
        }

        Assert.Equal([("a", "b"), ("c", "d"), ("ab", "ab")], trainer.Train(1000).Merges);
    }

    /// <summary>aaaa holds (a,a) three times; merged from the left it is aa aa, in which (aa,aa) comes once a word.</summary>
    [Fact]
    public void Repeated_symbols_are_merged_from_the_left()
    {
        BpeTrainer trainer = new();
        trainer.AddText("aaaa");
        trainer.AddText("aaaa");

        Assert.Equal([("a", "a"), ("aa", "aa")], trainer.Train(1000).Merges);
    }

    [Fact]
    public void Vocabulary_starts_with_the_special_tokens_of_RoBERTa_and_all_bytes()
    {
        TrainedBpe trained = new BpeTrainer().Train(BpeTrainer.SmallestSize);

        Assert.Equal(["<s>", "<pad>", "</s>", "<unk>", "<mask>", "!", "\""], trained.Tokens.Take(7));
        Assert.Equal(261, trained.Tokens.Count);
    }

    [Fact]
    public void Size_below_the_bytes_is_refused_with_the_smallest_size()
    {
        ArgumentOutOfRangeException error = Assert.Throws<ArgumentOutOfRangeException>(() => new BpeTrainer().Train(260));
        Assert.Contains("261", error.Message, StringComparison.Ordinal);
    }

    [SharedFact]
    public void Trained_tokenizer_restores_any_text_and_reads_equal_from_both_its_forms()
    {
        using TemporaryFolder folder = new();
        BpeTrainer trainer = new();
        trainer.AddFile(SharedFiles.Path("data/glue/CoLA/train.tsv"));
        TrainedBpe trained = trainer.Train(2000);
        trained.Save(folder.Root);
        Tokenizer fromJson = Tokenizer.Load(folder.Root);
        File.Delete(Path.Combine(folder.Root, "tokenizer.json"));
        Tokenizer fromFiles = Tokenizer.Load(folder.Root);

        Assert.Equal(2000, fromJson.VocabularySize);
        Assert.Equal((0, 2, 1, 3, 4), (fromJson.ClsId, fromJson.SepId, fromJson.PadId, fromJson.UnkId, fromJson.MaskId));
        foreach (string text in TestTokenizer.Lines("goldens/tokenizers/roberta-base.jsonl")
            .Select(line => line.GetProperty("text").GetString()!))
        {
            Encoding encoding = fromJson.Encode(text, "and " + text, EncodeOptions.Default);
            Assert.Equal(encoding.Ids, fromFiles.Encode(text, "and " + text, EncodeOptions.Default).Ids);
            if (!text.Contains("<", StringComparison.Ordinal))
            {
                Assert.Equal(text, fromJson.Decode(fromJson.Encode(text).Ids, skipSpecialTokens: true));
            }
        }
    }

    /// <summary>By hand: (a,b) is merged first, then the blank before it: "ab ab" is two tokens, equal with the blank.</summary>
    [Fact]
    public void With_a_blank_before_each_text_its_first_word_is_the_token_of_further_back()
    {
        foreach (bool prefix in (bool[])[true, false])
        {
            using TemporaryFolder folder = new();
            BpeTrainer trainer = new() { AddPrefixSpace = prefix };
            trainer.AddText("ab ab\n\n ab\n");
            trainer.Train(BpeTrainer.SmallestSize + 2).Save(folder.Root);
            Tokenizer fromJson = Tokenizer.Load(folder.Root);
            File.Delete(Path.Combine(folder.Root, "tokenizer.json"));
            Tokenizer fromFiles = Tokenizer.Load(folder.Root);
            foreach (string text in (string[])["ab ab", " ab", "", "a<mask>b"])
            {
                Assert.Equal(fromJson.Encode(text).Ids, fromFiles.Encode(text).Ids);
            }

            int[] ids = fromJson.Encode("ab ab", new EncodeOptions { AddSpecialTokens = false }).Ids;
            Assert.Equal(2, ids.Length);
            Assert.Equal(prefix, ids[0] == ids[1]);
        }
    }

    [SharedFact]
    public void Training_twice_writes_the_same_bytes()
    {
        using TemporaryFolder first = new(), second = new();
        foreach (TemporaryFolder folder in new[] { first, second })
        {
            BpeTrainer trainer = new();
            trainer.AddFile(SharedFiles.Path("data/glue/CoLA/dev.tsv"));
            trainer.Train(800).Save(folder.Root);
        }

        foreach (string name in new[] { "vocab.json", "merges.txt", "tokenizer.json", "tokenizer_config.json" })
        {
            Assert.Equal(File.ReadAllBytes(Path.Combine(first.Root, name)), File.ReadAllBytes(Path.Combine(second.Root, name)));
        }
    }

    [SharedFact]
    public void Megabytes_of_text_take_seconds()
    {
        string path = SharedFiles.Path("data/glue/SST-2/train.tsv");
        long start = Stopwatch.GetTimestamp();
        BpeTrainer trainer = new();
        trainer.AddFile(path);
        TrainedBpe trained = trainer.Train(8000);
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;

        output.WriteLine($"trained {trained.Tokens.Count} tokens on {new FileInfo(path).Length / 1e6:F1} MB in {seconds:F2} s");
        Assert.Equal(8000, trained.Tokens.Count);
    }
}
