using System.Text;
using Engine.Tokenizers;
using Engine.Tests;

namespace Engine.Tokenizers.Tests;

/// <summary>Folders as strangers send them: what is broken is named, with its file.</summary>
public sealed class TokenizerFileTests
{
    private const string Model = """{"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}""";

    [Fact]
    public void Merges_as_strings_and_as_pairs_read_alike()
    {
        Assert.Equal([2, 0], TestTokenizer.OfJson($$"""{"model": {{Model}}}""").Encode("aba").Ids);
        Assert.Equal(
            [2, 0], TestTokenizer.OfJson("""{"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": [["a", "b"]]}}""")
                .Encode("aba").Ids);
    }

    [Theory]
    [InlineData("""{"model": {"type": "WordLevel", "vocab": {"a": 0}}}""", "WordLevel")]
    [InlineData("""{"model": MODEL, "normalizer": {"type": "Nmt"}}""", "Nmt")]
    [InlineData("""{"model": MODEL, "normalizer": {"type": "Replace", "pattern": {"Regex": " +"}, "content": " "}}""", "Regex")]
    [InlineData("""{"model": MODEL, "pre_tokenizer": {"type": "UnicodeScripts"}}""", "UnicodeScripts")]
    [InlineData(
        """{"model": MODEL, "pre_tokenizer": {"type": "Split", "pattern": {"Regex": "\\w+"}, "behavior": "Isolated"}}""", "split pattern")]
    [InlineData("""{"model": MODEL, "post_processor": {"type": "Odd"}}""", "Odd")]
    [InlineData("""{"model": MODEL, "decoder": {"type": "CTC"}}""", "CTC")]
    [InlineData("""{"model": {"type": "BPE", "dropout": 0.1, "vocab": {"a": 0}, "merges": []}}""", "dropout")]
    [InlineData("""{"model": {"type": "BPE", "end_of_word_suffix": "</w>", "vocab": {"a": 0}, "merges": []}}""", "end_of_word_suffix")]
    public void Component_that_is_not_supported_is_named(string json, string named) => Refused(json, named);

    [Theory]
    [InlineData("""{"model": {"type": "BPE", "vocab": {"a": 0, "b": 0}, "merges": []}}""", "share the id 0")]
    [InlineData("""{"model": {"type": "BPE", "vocab": {"a": 0, "a": 1}, "merges": []}}""", "twice")]
    [InlineData("""{"model": {"type": "BPE", "vocab": {"a": -1}, "merges": []}}""", "id -1")]
    [InlineData("""{"model": {"type": "BPE", "vocab": {"a": 2000000000}, "merges": []}}""", "2000000000")]
    [InlineData("""{"model": {"type": "BPE", "vocab": {"a": 1e30}, "merges": []}}""", "an integer")]
    [InlineData("""{"model": {"type": "BPE", "vocab": {}, "merges": []}}""", "empty")]
    [InlineData("""{"model": {"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": ["a b"]}}""", "\"ab\"")]
    [InlineData("""{"model": {"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": ["a c"]}}""", "\"c\"")]
    [InlineData("""{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": ["a"]}}""", "one blank")]
    [InlineData("""{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": [["a", "a", "a"]]}}""", "a pair")]
    [InlineData("""{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": [], "unk_token": "?"}}""", "unk_token")]
    [InlineData("""{"model": {"type": "BPE", "vocab": {"\ud800": 0}, "merges": []}}""", "surrogate")]
    [InlineData(
        """{"model": {"type": "WordPiece", "vocab": {"a": 0}, "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100}}""", "[UNK]")]
    [InlineData("""{"model": MODEL, "added_tokens": [{"id": 0, "content": "x"}]}""", "which is \\\"a\\\"")]
    [InlineData("""{"model": MODEL, "added_tokens": [{"id": 5, "content": "a"}]}""", "must agree")]
    [InlineData("""{"model": MODEL, "added_tokens": [{"id": 5, "content": "x"}, {"id": 5, "content": "y"}]}""", "repeats")]
    [InlineData("""{"model": MODEL, "added_tokens": [{"id": 5, "content": ""}]}""", "no text")]
    [InlineData("""{"model": MODEL, "post_processor": {"type": "RobertaProcessing", "sep": ["a"], "cls": ["a", 0]}}""", "sep")]
    [InlineData(
        """{"model": MODEL, "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "x", "type_id": 0}}], "pair": []}}""", "special_tokens")]
    [InlineData("""{"model": MODEL, "post_processor": {"type": "BertProcessing", "sep": ["a", 0], "cls": ["x", 9]}}""", "the id 9")]
    [InlineData("""{"model": []}""", "an object")]
    [InlineData("""{}""", "\"model\"")]
    [InlineData("", "not the JSON")]
    public void Broken_file_is_refused_with_what_is_wrong(string json, string named) => Refused(json, named.Replace("\\\"", "\""));

    [Fact]
    public void Deeply_nested_file_is_refused() =>
        Refused(new StringBuilder("{\"model\": ").Insert(10, "[", 100_000).ToString(), "levels deep");

    [Fact]
    public void Folder_without_tokenizer_says_what_it_looked_for()
    {
        using TemporaryFolder folder = new();
        FileNotFoundException error = Assert.Throws<FileNotFoundException>(() => Tokenizer.Load(folder.Root));
        Assert.Contains("tokenizer.json", error.Message, StringComparison.Ordinal);
        Assert.Throws<DirectoryNotFoundException>(() => Tokenizer.Load(Path.Combine(folder.Root, "absent")));
    }

    [Fact]
    public void Bare_vocabulary_of_unknown_family_is_refused()
    {
        using TemporaryFolder folder = new();
        folder.Write("vocab.json", """{"a": 0}""");
        folder.Write("merges.txt", "#version: 0.2\n");
        InvalidDataException error = Assert.Throws<InvalidDataException>(() => Tokenizer.Load(folder.Root));
        Assert.Contains("tokenizer_class", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Broken_line_of_merges_is_named_by_its_number()
    {
        using TemporaryFolder folder = new();
        folder.Write("vocab.json", """{"a": 0, "b": 1, "ab": 2}""");
        folder.Write("merges.txt", "#version: 0.2\na b\na b c\n");
        folder.Write("tokenizer_config.json", """{"tokenizer_class": "GPT2Tokenizer"}""");
        InvalidDataException error = Assert.Throws<InvalidDataException>(() => Tokenizer.Load(folder.Root));
        Assert.Contains("line 3", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Special_token_that_is_no_token_is_refused()
    {
        using TemporaryFolder folder = new();
        folder.Write("tokenizer.json", $$"""{"model": {{Model}}}""");
        folder.Write("special_tokens_map.json", """{"pad_token": "<pad>"}""");
        InvalidDataException error = Assert.Throws<InvalidDataException>(() => Tokenizer.Load(folder.Root));
        Assert.Contains("pad_token", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Saved_files_equal_those_that_were_read()
    {
        using TemporaryFolder folder = new();
        Tokenizer.Load(SharedFiles.Path("goldens/tokenizers/all-MiniLM-L6-v2")).Save(folder.Root);
        string[] names = ["special_tokens_map.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt"];
        Assert.Equal(names, Directory.GetFiles(folder.Root).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal));
        foreach (string name in names)
        {
            Assert.Equal(
                File.ReadAllBytes(SharedFiles.Path($"goldens/tokenizers/all-MiniLM-L6-v2/{name}")),
                File.ReadAllBytes(Path.Combine(folder.Root, name)));
        }
    }

    private static void Refused(string json, string named)
    {
        InvalidDataException error =
            Assert.Throws<InvalidDataException>(() => TestTokenizer.OfJson(json.Replace("MODEL", Model, StringComparison.Ordinal)));
        Assert.Contains("tokenizer.json", error.Message, StringComparison.Ordinal);
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
    }
}
