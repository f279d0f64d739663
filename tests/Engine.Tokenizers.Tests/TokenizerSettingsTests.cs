using Engine.Tokenizers;
using Engine.Tests;

namespace Engine.Tokenizers.Tests;

/// <summary>
/// Settings of tokenizer_config.json beside a tokenizer.json that says otherwise. Expected is what the classes of Transformers leave in
/// their backend: each test names file and function.
/// </summary>
public sealed class TokenizerSettingsTests : IDisposable
{
    private const string WordPiece = """
        {
          "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": CHINESE, "strip_accents": ACCENTS, "lowercase": LOWER},
          "pre_tokenizer": {"type": "BertPreTokenizer"},
          "model": {
            "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
            "vocab": {"[UNK]": 0, "A": 1, "a": 2, "\u00e9": 3, "e": 4, "\u4e2d": 5, "\u56fd": 6, "\u4e2d\u56fd": 7}
          }
        }
        """;

    private const string Bpe = """
        {
          "pre_tokenizer": PRE,
          "post_processor": POST,
          "added_tokens": [{"id": 3, "content": "<s>", "special": true}, {"id": 4, "content": "</s>", "special": true}],
          "model": {"type": "BPE", "vocab": {"a": 0, "\u0120": 1, "\u0120a": 2}, "merges": ["\u0120 a"]}
        }
        """;

    private const string Metaspace = """
        {
          "pre_tokenizer": {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first", "split": false},
          "model": {"type": "BPE", "vocab": {"a": 0, "\u2581": 1, "\u2581a": 2}, "merges": ["\u2581 a"]}
        }
        """;

    private const string ByteLevel = """{"type": "ByteLevel", "add_prefix_space": PREFIX, "trim_offsets": true, "use_regex": true}""";

    private const string Plain = "null",
        Bos =
            """{"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}], "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}], "special_tokens": {"<s>": {"id": "<s>", "ids": [3], "tokens": ["<s>"]}}}""";

    private const int Start = 3, End = 4;

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    /// <summary>
    /// <c>BertTokenizerFast.__init__</c> (Transformers 4, models/bert/tokenization_bert_fast.py) sets the normalizer's state anew where it
    /// differs from the arguments, whose defaults are do_lower_case=True, strip_accents=None (as lower case) and
    /// tokenize_chinese_chars=True; <c>BertTokenizer.__init__</c> (5, models/bert/tokenization_bert.py) does with the same defaults.
    /// </summary>
    [Theory]
    [InlineData("true", "null", """{"tokenizer_class": "BertTokenizer", "do_lower_case": false}""", 1, 3, 5, 6)]
    [InlineData("false", "null", """{"tokenizer_class": "BertTokenizerFast", "do_lower_case": true}""", 2, 4, 5, 6)]
    [InlineData("false", "null", """{"tokenizer_class": "BertTokenizer"}""", 2, 4, 5, 6)]
    [InlineData("false", "true", """{"tokenizer_class": "BertTokenizer", "do_lower_case": false}""", 1, 3, 5, 6)]
    [InlineData("true", "null", """{"tokenizer_class": "BertTokenizer", "do_lower_case": false, "strip_accents": true}""", 1, 4, 5, 6)]
    [InlineData(
        "true", "null", """{"tokenizer_class": "DistilBertTokenizer", "do_lower_case": true, "strip_accents": false}""", 2, 3, 5, 6)]
    [InlineData("true", "null", """{"tokenizer_class": "MPNetTokenizer", "do_lower_case": false}""", 1, 3, 5, 6)]
    [InlineData("true", "null", """{"tokenizer_class": "ElectraTokenizerFast", "tokenize_chinese_chars": false}""", 2, 4, 7)]
    public void A_BERT_tokenizer_normalizes_as_its_configuration_says(
        string lowercase, string accents, string config, params int[] expected)
    {
        Assert.Equal(expected, LoadWordPiece(lowercase, accents, config).Encode("A \u00e9 \u4e2d\u56fd").Ids);
    }

    /// <summary>
    /// <c>AutoTokenizer.from_pretrained</c> (models/auto/tokenization_auto.py) takes the class of tokenizer_config.json, else of
    /// config.json, else that of its model_type.
    /// </summary>
    [Theory]
    [InlineData("""{"model_type": "bert"}""")]
    [InlineData("""{"model_type": "other", "tokenizer_class": "BertTokenizer"}""")]
    public void The_models_configuration_names_the_class_where_the_tokenizers_does_not(string modelConfig)
    {
        folder.Write("config.json", modelConfig);

        Assert.Equal([1, 3, 5, 6], LoadWordPiece("true", "null", """{"do_lower_case": false}""").Encode("A \u00e9 \u4e2d\u56fd").Ids);
        Assert.Equal([2, 4, 5, 6], LoadWordPiece("false", "null", "{}").Encode("A \u00e9 \u4e2d\u56fd").Ids);
    }

    /// <summary>
    /// <c>PreTrainedTokenizerFast.__init__</c> (tokenization_utils_fast.py) looks at none of these keys. Where no class is named at all,
    /// what is spelled out is meant.
    /// </summary>
    [Theory]
    [InlineData("false", """{"tokenizer_class": "PreTrainedTokenizerFast", "do_lower_case": true}""", 1, 3, 5, 6)]
    [InlineData("false", "{}", 1, 3, 5, 6)]
    [InlineData("false", """{"do_lower_case": true}""", 2, 4, 5, 6)]
    [InlineData("true", """{"tokenize_chinese_chars": false}""", 2, 4, 7)]
    public void Other_classes_leave_the_normalizer_as_it_is(string lowercase, string config, params int[] expected)
    {
        Assert.Equal(expected, LoadWordPiece(lowercase, "null", config).Encode("A \u00e9 \u4e2d\u56fd").Ids);
    }

    /// <summary>In Transformers 4 a normalizer without that setting stays, in 5 it is replaced.</summary>
    [Fact]
    public void A_normalizer_that_cannot_be_told_is_an_error_where_it_contradicts()
    {
        const string Lowers = """{"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Lowercase"}]}""";
        folder.Write(
            "tokenizer.json", $$"""{"normalizer": {{Lowers}}, "model": {"type": "BPE", "vocab": {"a": 0, "A": 1}, "merges": []} }""");
        folder.Write("tokenizer_config.json", """{"tokenizer_class": "BertTokenizer", "do_lower_case": true}""");
        Assert.Equal([0], Tokenizer.Load(folder.Root).Encode("A").Ids);

        folder.Write("tokenizer_config.json", """{"tokenizer_class": "BertTokenizer", "do_lower_case": false}""");
        Refused("tokenizer_config.json: do_lower_case is false, but the normalizer of", "makes capitals small", "make the two files agree");
    }

    /// <summary>
    /// <c>GPT2TokenizerFast.__init__</c> (models/gpt2/tokenization_gpt2_fast.py), which RoBERTa's and BART's have likewise:
    /// add_prefix_space, False where it is not given, replaces the pre-tokenizer's.
    /// </summary>
    [Theory]
    [InlineData("false", """{"tokenizer_class": "RobertaTokenizer", "add_prefix_space": true}""", 2)]
    [InlineData("true", """{"tokenizer_class": "GPT2TokenizerFast", "add_prefix_space": false}""", 0)]
    [InlineData("true", """{"tokenizer_class": "RobertaTokenizerFast"}""", 0)]
    [InlineData("true", """{"tokenizer_class": "PreTrainedTokenizerFast"}""", 2)]
    [InlineData("true", """{"tokenizer_class": "PreTrainedTokenizerFast", "add_prefix_space": true}""", 2)]
    [InlineData("true", """{"add_prefix_space": false}""", 0)]
    [InlineData("true", "{}", 2)]
    public void A_byte_level_tokenizer_puts_a_blank_before_a_text_as_its_configuration_says(string stored, string config, int expected)
    {
        Assert.Equal([expected], LoadBpe(ByteLevel.Replace("PREFIX", stored, StringComparison.Ordinal), Plain, config).Encode("a").Ids);
    }

    /// <summary>
    /// The ids are those of the class's own docstring (models/roberta/tokenization_roberta_fast.py), for "Hello world" without and with the
    /// blank before it.
    /// </summary>
    [SharedTheory]
    [InlineData("false", 31414)]
    [InlineData("true", 20920)]
    public void RoBERTas_vocabulary_with_a_blank_gives_the_ids_of_its_documentation(string addPrefixSpace, int hello)
    {
        File.Copy(SharedFiles.Path("data/roberta-base-tokenizer/tokenizer.codebert.json"), Path.Combine(folder.Root, "tokenizer.json"));
        folder.Write("tokenizer_config.json", $$"""{"tokenizer_class": "RobertaTokenizer", "add_prefix_space": {{addPrefixSpace}} }""");

        Assert.Equal([0, hello, 232, 2], Tokenizer.Load(folder.Root).Encode("Hello world").Ids);
    }

    /// <summary>
    /// <c>PreTrainedTokenizerFast.__init__</c> sets it in Transformers 4.46 and later, not before and not in 5; inside a Sequence (Qwen2)
    /// none of version 4 does. Llama's class makes the whole tokenizer anew from tokenizer.model (<c>LlamaTokenizerFast.__init__</c>:
    /// from_slow).
    /// </summary>
    [Theory]
    [InlineData("""{"tokenizer_class": "PreTrainedTokenizerFast", "add_prefix_space": true}""", "does not put a blank")]
    [InlineData("""{"tokenizer_class": "Qwen2Tokenizer", "add_prefix_space": true}""", "does not put a blank")]
    public void A_blank_that_only_some_versions_would_add_is_an_error(string config, string expected)
    {
        folder.Write("tokenizer_config.json", config);
        folder.Write(
            "tokenizer.json", Bpe.Replace("PRE", ByteLevel.Replace("PREFIX", "false", StringComparison.Ordinal), StringComparison.Ordinal)
                .Replace("POST", Plain, StringComparison.Ordinal));
        Refused("tokenizer_config.json: add_prefix_space is true", "tokenizer.json", expected);

        folder.Write("tokenizer.json", Metaspace);
        folder.Write("tokenizer_config.json", """{"tokenizer_class": "LlamaTokenizer", "add_prefix_space": true}""");
        Assert.Equal([2], Tokenizer.Load(folder.Root).Encode("a").Ids);
        folder.Write("tokenizer_config.json", """{"tokenizer_class": "LlamaTokenizer", "add_prefix_space": false}""");
        Refused("add_prefix_space is false", "puts a blank before a text");
    }

    /// <summary>
    /// <c>LlamaTokenizerFast.update_post_processor</c> (models/llama/tokenization_llama_fast.py): a template of bos_token and eos_token
    /// around each text; the second text has type 1.
    /// </summary>
    [Theory]
    [InlineData(Bos, """{"tokenizer_class": "LlamaTokenizer", "add_bos_token": false}""", 0)]
    [InlineData(Bos, """{"tokenizer_class": "LlamaTokenizer", "add_eos_token": true}""", Start, 0, End)]
    [InlineData(Bos, """{"tokenizer_class": "LlamaTokenizer"}""", Start, 0)]
    [InlineData(Plain, """{"tokenizer_class": "LlamaTokenizerFast", "add_bos_token": true, "add_eos_token": false}""", Start, 0)]
    [InlineData(
        Plain,
        """{"tokenizer_class": "LlamaTokenizerFast", "add_bos_token": true, "add_eos_token": true, "bos_token": "</s>", "eos_token": {"content": "<s>"}}""", End, 0, Start)]
    [InlineData(Plain, """{"tokenizer_class": "CodeLlamaTokenizer", "add_eos_token": true}""", 0, End)]
    public void A_Llama_tokenizer_adds_the_tokens_its_configuration_asks_for(string stored, string config, params int[] expected)
    {
        Assert.Equal(expected, LoadBpe(ByteLevel.Replace("PREFIX", "false", StringComparison.Ordinal), stored, config).Encode("a").Ids);
    }

    [Fact]
    public void A_pair_has_them_around_both_texts()
    {
        Tokenizer tokenizer = LoadBpe(
            ByteLevel.Replace("PREFIX", "false", StringComparison.Ordinal), Bos,
            """{"tokenizer_class": "LlamaTokenizer", "add_bos_token": true, "add_eos_token": true}""");

        Encoding pair = tokenizer.Encode("a", "aa", maxLength: null);

        Assert.Equal([Start, 0, End, Start, 0, 0, End], pair.Ids);
        Assert.Equal([0, 0, 0, 1, 1, 1, 1], pair.TypeIds);
    }

    /// <summary>Version 4 has these keys for Llama's classes alone, <c>TokenizersBackend.__init__</c> of version 5 for all.</summary>
    [Theory]
    [InlineData(
        Bos, """{"tokenizer_class": "PreTrainedTokenizerFast", "add_bos_token": false}""", "add_bos_token is false", "adds the bos_token")]
    [InlineData(
        Plain, """{"tokenizer_class": "Qwen2Tokenizer", "add_eos_token": true, "eos_token": "</s>"}""", "add_eos_token is true",
        "does not add the eos_token")]
    [InlineData(
        Plain, """{"tokenizer_class": "LlamaTokenizer", "add_bos_token": true, "bos_token": null}""",
        "add_bos_token is true, but there is no bos_token", "say false")]
    public void Tokens_that_only_some_versions_would_add_are_an_error(string stored, string config, params string[] expected)
    {
        folder.Write("tokenizer_config.json", config);
        folder.Write(
            "tokenizer.json", Bpe.Replace("PRE", ByteLevel.Replace("PREFIX", "false", StringComparison.Ordinal), StringComparison.Ordinal)
                .Replace("POST", stored, StringComparison.Ordinal));

        Refused(["tokenizer_config.json", .. expected]);
    }

    [Theory]
    [InlineData(Bos, """{"tokenizer_class": "PreTrainedTokenizerFast", "add_bos_token": true}""", Start, 0)]
    [InlineData(Plain, """{"tokenizer_class": "Qwen2Tokenizer", "add_bos_token": false, "bos_token": null}""", 0)]
    [InlineData(Plain, """{"tokenizer_class": "Qwen2Tokenizer", "add_bos_token": true, "bos_token": null}""", 0)]
    public void What_agrees_or_asks_for_no_token_is_taken(string stored, string config, params int[] expected)
    {
        Assert.Equal(expected, LoadBpe(ByteLevel.Replace("PREFIX", "false", StringComparison.Ordinal), stored, config).Encode("a").Ids);
    }

    /// <summary>
    /// <c>GPT2Converter.converted</c> (convert_slow_tokenizer.py) puts bos_token before a text or pair where add_bos_token says so.
    /// </summary>
    [Fact]
    public void A_GPT_2_vocabulary_gets_its_first_token()
    {
        folder.Write("vocab.json", """{"a": 0, "<s>": 1}""");
        folder.Write("merges.txt", "#version: 0.2\n");
        folder.Write("tokenizer_config.json", """{"tokenizer_class": "GPT2Tokenizer", "add_bos_token": true, "bos_token": "<s>"}""");
        Tokenizer tokenizer = Tokenizer.Load(folder.Root);

        Assert.Equal([1, 0], tokenizer.Encode("a").Ids);
        Assert.Equal([1, 0, 0], tokenizer.Encode("a", "a", maxLength: null).Ids);
        Assert.Equal([0, 0, 1], tokenizer.Encode("a", "a", maxLength: null).TypeIds);
    }

    /// <summary><c>PreTrainedTokenizerFast.__init__</c>: encode_special_tokens = split_special_tokens.</summary>
    [Theory]
    [InlineData("false", new[] { Start, 0 })]
    [InlineData("true", new[] { 0 })]
    public void Special_tokens_in_a_text_may_be_ordinary_text(string splits, int[] expected)
    {
        Tokenizer tokenizer = LoadBpe(
            ByteLevel.Replace("PREFIX", "false", StringComparison.Ordinal), Plain,
            $$"""{"tokenizer_class": "PreTrainedTokenizerFast", "split_special_tokens": {{splits}} }""");

        // The letters of the token itself are in no vocabulary here and give nothing.
        Assert.Equal(expected, tokenizer.Encode("<s>a").Ids);
    }

    [Theory]
    [InlineData("1000000000000000019884624838656", null)]
    [InlineData("1e30", null)]
    [InlineData("Infinity", null)]
    [InlineData("NaN", null)]
    [InlineData("null", null)]
    [InlineData("512", 512)]
    [InlineData("512.0", 512)]
    public void The_longest_input_may_be_without_limit(string value, int? expected)
    {
        Assert.Equal(expected, LoadWordPiece("true", "null", $$"""{"model_max_length": {{value}} }""").ModelMaxLength);
    }

    [Theory]
    [InlineData("0")]
    [InlineData("0.5")]
    [InlineData("\"512\"")]
    public void A_longest_input_that_is_no_number_of_tokens_is_refused(string value)
    {
        folder.Write("tokenizer.json", Metaspace);
        folder.Write("tokenizer_config.json", $$"""{"model_max_length": {{value}} }""");
        Refused("tokenizer_config.json", $"$.model_max_length is {value}; expected");
    }

    private Tokenizer LoadWordPiece(string lowercase, string accents, string config)
    {
        folder.Write(
            "tokenizer.json", WordPiece.Replace("LOWER", lowercase, StringComparison.Ordinal)
                .Replace("ACCENTS", accents, StringComparison.Ordinal).Replace("CHINESE", "true", StringComparison.Ordinal));
        folder.Write("tokenizer_config.json", config);
        return Tokenizer.Load(folder.Root);
    }

    private Tokenizer LoadBpe(string preTokenizer, string postProcessor, string config)
    {
        folder.Write(
            "tokenizer.json", Bpe.Replace("PRE", preTokenizer, StringComparison.Ordinal)
                .Replace("POST", postProcessor, StringComparison.Ordinal));
        folder.Write("tokenizer_config.json", config);
        return Tokenizer.Load(folder.Root);
    }

    private void Refused(params string[] parts)
    {
        InvalidDataException error = Assert.Throws<InvalidDataException>(() => Tokenizer.Load(folder.Root));
        Assert.All(parts, part => Assert.Contains(part, error.Message, StringComparison.Ordinal));
    }
}
