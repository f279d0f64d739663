using System.Text.Json;
using System.Text.Json.Nodes;
using Engine.Tests;

namespace Engine.EndToEnd.Tests;

/// <summary><c>engine tokenize</c> held against Hugging Face's tokenizers (goldens/tokenizers).</summary>
public sealed class TokenizeTests
{
    public static TheoryData<string, string> Tokenizers => new()
    {
        { "roberta-base", "goldens/tokenizers/roberta-base" },
        { "all-MiniLM-L6-v2", "goldens/tokenizers/all-MiniLM-L6-v2" },
    };

    [Theory]
    [MemberData(nameof(Tokenizers))]
    public void Every_line_has_the_ids_of_hugging_face(string name, string folder)
    {
        string golden = SharedFiles.Path($"goldens/tokenizers/{name}.jsonl");
        JsonNode[] expected = Lines(File.ReadAllText(golden));
        Assert.Equal(
            Column(expected, "ids"),
            Column(Lines(EngineProcess.Run("tokenize", "--model", SharedFiles.Path(folder), "--jsonl", golden).Succeeded().Output), "ids"));
        Assert.Equal(
            Column(expected, "ids_plain"),
            Column(Lines(
                EngineProcess.Run("tokenize", "--model", SharedFiles.Path(folder), "--jsonl", "--no-special-tokens", golden)
                    .Succeeded().Output), "ids"));
        Assert.Equal(
            expected.Select(line => line["decoded"]!.GetValue<string>()),
            Lines(EngineProcess.Run("tokenize", "--model", SharedFiles.Path(folder), "--decode", golden).Succeeded().Output)
                .Select(line => line["text"]!.GetValue<string>()));
    }

    [Theory]
    [MemberData(nameof(Tokenizers))]
    public void Every_pair_is_cut_as_hugging_face_cuts_it(string name, string folder)
    {
        foreach (IGrouping<int, JsonNode> group in Lines(File.ReadAllText(SharedFiles.Path($"goldens/tokenizers/{name}.pairs.jsonl")))
            .GroupBy(line => line["max_length"]!.GetValue<int>()))
        {
            string input = string.Join('\n', group.Select(line => line.ToJsonString()));
            EngineResult result = EngineProcess.RunWithInput(
                input, "tokenize", "--model", SharedFiles.Path(folder), "--jsonl", "--max-length", $"{group.Key}", "-").Succeeded();
            foreach ((JsonNode expected, JsonNode actual) in group.Zip(Lines(result.Output)))
            {
                int tokens = expected["attention_mask"]!.AsArray().Sum(value => value!.GetValue<int>());
                Assert.Equal(Numbers(expected["ids"]!)[..tokens], Numbers(actual["ids"]!));
                Assert.Equal(Numbers(expected["type_ids"]!)[..tokens], Numbers(actual["type_ids"]!));
            }
        }
    }

    [Fact]
    public void Plain_lines_are_texts_and_keep_everything_but_their_line_end()
    {
        string model = SharedFiles.Path("goldens/tokenizers/roberta-base");
        string[] texts = ["naïve café 🦊", "", " two  spaces ", "tab\there", "a\rb"];
        string plain = EngineProcess.RunWithInput(string.Join("\n", texts) + "\n", "tokenize", "--model", model, "-").Succeeded().Output;
        string json = string.Join('\n', texts.Select(text => JsonSerializer.Serialize(new { text })));
        Assert.Equal(EngineProcess.RunWithInput(json, "tokenize", "--model", model, "--jsonl", "-").Succeeded().Output, plain);
        Assert.Equal(texts, Lines(EngineProcess.RunWithInput(
            EngineProcess.RunWithInput(string.Join("\n", texts) + "\n", "tokenize", "--model", model, "--no-special-tokens", "-").Output,
            "tokenize", "--model", model, "--decode", "-").Succeeded().Output).Select(line => line["text"]!.GetValue<string>()));
    }

    [Theory]
    [InlineData("{\"text\": \"half \\ud83d\"}", "2: property 'text' holds an escape that is half of a surrogate pair")]
    [InlineData("{\"txt\": \"a\"}", "2: the object has no property 'text'; it has txt.")]
    [InlineData("{\"text\": \"a\", \"b\": \"b\"}", "2: the object has 'text' beside 'a' or 'b'")]
    [InlineData("{\"a\": \"a\"}", "2: the object has no property 'b'")]
    [InlineData("plain", "2: the line is not one JSON object")]
    [InlineData("[1]", "2: the line is an array; an object was expected")]
    public void Broken_json_lines_are_refused_with_their_number(string line, string expected)
    {
        EngineResult result = EngineProcess.RunWithInput(
            "{\"text\": \"good\"}\n" + line, "tokenize", "--model", SharedFiles.Path("goldens/tokenizers/roberta-base"), "--jsonl", "-");

        result.Refused(1, "standard input:" + expected);
        Assert.EndsWith("}\n", result.Output, StringComparison.Ordinal);
        Assert.Single(result.OutputLines);
    }

    [Theory]
    [InlineData("--jsonl")]
    [InlineData("--no-special-tokens")]
    [InlineData("--max-length", "4")]
    public void Options_that_decoding_does_not_read_are_refused(params string[] options) =>
        EngineProcess.RunWithInput(
            "{\"ids\": [5]}", ["tokenize", "--model", SharedFiles.Path("goldens/tokenizers/roberta-base"), "--decode", "-", .. options])
                .Refused(1, options[0], "has no effect with --decode");

    [Fact]
    public void Ids_below_0_are_refused() =>
        EngineProcess.RunWithInput(
            "{\"ids\": [5, -1]}", "tokenize", "--model", SharedFiles.Path("goldens/tokenizers/roberta-base"), "--decode", "-")
                .Refused(1, "standard input:1: property 'ids' has -1 at place 1");

    [Fact]
    public void A_tokenizer_is_not_trained_over_the_text_it_learns_from()
    {
        using TemporaryFolder folder = new();
        string corpus = folder.Write("merges.txt", "some text");
        EngineProcess.Run("train-tokenizer", "--size", "280", "--output", folder.Root, corpus).Refused(1, corpus, "choose another output");
        Assert.Equal("some text", File.ReadAllText(corpus));
    }

    [Fact]
    public void Trained_vocabulary_is_read_back_by_tokenize()
    {
        using TemporaryFolder folder = new();
        string corpus = folder.Write("corpus.txt", string.Concat(Enumerable.Repeat("the quick brown fox jumps over the lazy dog\n", 20)));
        EngineResult trained =
            EngineProcess.Run("train-tokenizer", "--size", "280", "--output", folder.File("tokenizer"), corpus).Succeeded();
        Assert.Contains("280 tokens", trained.Output, StringComparison.Ordinal);
        foreach (string name in (string[])["vocab.json", "merges.txt", "tokenizer.json"])
        {
            Assert.True(File.Exists(folder.File($"tokenizer/{name}")), name);
        }

        string ids = EngineProcess.RunWithInput("the quick fox\n", "tokenize", "--model", folder.File("tokenizer"), "-").Succeeded().Output;
        string text = EngineProcess.RunWithInput(ids, "tokenize", "--model", folder.File("tokenizer"), "--decode", "-").Succeeded().Output;
        Assert.Equal("{\"text\":\"<s>the quick fox</s>\"}\n", text);
    }

    [Fact]
    public void A_tokenizer_that_is_there_is_not_written_over_and_other_files_stay()
    {
        using TemporaryFolder folder = new();
        string corpus = folder.Write("corpus.txt", string.Concat(Enumerable.Repeat("the quick brown fox jumps over the lazy dog\n", 20)));
        Directory.CreateDirectory(folder.File("tokenizer"));
        folder.Write("tokenizer/config.json", "{}");
        string[] train = ["train-tokenizer", "--size", "280", "--output", folder.File("tokenizer"), corpus];
        EngineProcess.Run(train).Succeeded();
        Assert.Equal(
            ["config.json", "merges.txt", "tokenizer.json", "tokenizer_config.json", "vocab.json"],
            Directory.GetFileSystemEntries(folder.File("tokenizer")).Select(Path.GetFileName).Order());
        string before = File.ReadAllText(folder.File("tokenizer/vocab.json"));
        EngineProcess.Run(train).Refused(1, "vocab.json is there already", "Choose another output");
        Assert.Equal(before, File.ReadAllText(folder.File("tokenizer/vocab.json")));
        Directory.CreateSymbolicLink(folder.File("link"), folder.Root);
        EngineProcess.Run("train-tokenizer", "--size", "280", "--output", folder.File("link"), folder.Write("merges.txt", "text"))
            .Refused(1, "write over");
    }

    [Fact]
    public void Vocabulary_smaller_than_the_bytes_is_refused()
    {
        using TemporaryFolder folder = new();
        EngineProcess.Run("train-tokenizer", "--size", "100", "--output", folder.File("tokenizer"), folder.Write("corpus.txt", "text"))
            .Refused(1, "at least 261");
        EngineProcess.Run("train-tokenizer", "--size", "300", "--output", folder.File("tokenizer"), folder.File("absent.txt"))
            .Refused(1, "absent.txt");
    }

    private static JsonNode[] Lines(string text) =>
        [.. text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!)];

    private static string[] Column(JsonNode[] lines, string name) => [.. lines.Select(line => line[name]!.ToJsonString())];

    private static int[] Numbers(JsonNode node) => [.. node.AsArray().Select(value => value!.GetValue<int>())];
}
