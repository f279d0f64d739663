using System.Text.Json;
using Engine.Tests;

namespace Engine.Tokenizers.Tests;

/// <summary>
/// MPNet's tokenizer: BERT's pieces between RoBERTa's special tokens. Ids and offsets are those of Hugging Face's tokenizers 0.23.2 (its
/// binding for Node) of the same file.
/// </summary>
public sealed class MpNetTokenizerTests
{
    private const string Roberta = """
        {"type":"RobertaProcessing","sep":["</s>",2],"cls":["<s>",0],"trim_offsets":true,"add_prefix_space":false}
        """;

    /// <summary>As Transformers writes it: two tokens between the texts of a pair.</summary>
    private const string Template = """
        {"type":"TemplateProcessing",
        "single":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"</s>","type_id":0}}],
        "pair":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"</s>","type_id":0}},
        {"SpecialToken":{"id":"</s>","type_id":0}},{"Sequence":{"id":"B","type_id":1}},{"SpecialToken":{"id":"</s>","type_id":1}}],
        "special_tokens":{"<s>":{"id":"<s>","ids":[0],"tokens":["<s>"]},"</s>":{"id":"</s>","ids":[2],"tokens":["</s>"]}}}
        """;

    private static readonly string[] Vocabulary =
        ["<s>", "<pad>", "</s>", "<unk>", "[UNK]", "the", "quick", "##er", "fox", "caf", "##e", "!", "\u4e2d", "<mask>", "over", ","];

    [Theory]
    [InlineData(Roberta, "The quicker fox!", null, new[] { 0, 5, 6, 7, 8, 11, 2 }, new[] { 0, 0, 0, 3, 4, 9, 9, 11, 12, 15, 15, 16, 0, 0 })]
    [InlineData(
        Template, "The quicker fox!", null, new[] { 0, 5, 6, 7, 8, 11, 2 }, new[] { 0, 0, 0, 3, 4, 9, 9, 11, 12, 15, 15, 16, 0, 0 })]
    [InlineData(
        Roberta, "Caf\u00e9 \u4e2d<mask> over, <mask>fox", null, new[] { 0, 9, 10, 12, 13, 14, 15, 13, 8, 2 },
        new[] { 0, 0, 0, 3, 3, 4, 5, 6, 6, 12, 13, 17, 17, 18, 19, 25, 25, 28, 0, 0 })]
    [InlineData(
        Template, "Caf\u00e9 \u4e2d<mask> over, <mask>fox", null, new[] { 0, 9, 10, 12, 13, 14, 15, 13, 8, 2 },
        new[] { 0, 0, 0, 3, 3, 4, 5, 6, 6, 12, 13, 17, 17, 18, 18, 25, 25, 28, 0, 0 })]
    [InlineData(
        Roberta, "zzz </s>fox", "the FOX", new[] { 0, 4, 2, 8, 2, 2, 5, 8, 2 },
        new[] { 0, 0, 0, 3, 4, 8, 8, 11, 0, 0, 0, 0, 0, 3, 4, 7, 0, 0 })]
    [InlineData(
        Template, "zzz </s>fox", "the FOX", new[] { 0, 4, 2, 8, 2, 2, 5, 8, 2 },
        new[] { 0, 0, 0, 3, 4, 8, 8, 11, 0, 0, 0, 0, 0, 3, 4, 7, 0, 0 })]
    [InlineData(Template, "", null, new[] { 0, 2 }, new[] { 0, 0, 0, 0 })]
    public void Texts_are_BERTs_pieces_between_RoBERTas_tokens(string processor, string first, string? second, int[] ids, int[] offsets)
    {
        using var folder = new TemporaryFolder();
        string Special(int id, bool lstrip = false) =>
            $$"""{"id":{{id}},"content":"{{Vocabulary[id]}}","lstrip":{{(lstrip ? "true" : "false")}},"normalized":false,"special":true}""";
        File.WriteAllText(folder.File("tokenizer.json"), $$"""
            {"version":"1.0","truncation":null,"padding":null,
            "added_tokens":[{{Special(0)}},{{Special(1)}},{{Special(2)}},{{Special(4)}},{{Special(13, lstrip: true)}}],
            "normalizer":{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,"lowercase":true},
            "pre_tokenizer":{"type":"BertPreTokenizer"},"post_processor":{{processor}},
            "decoder":{"type":"WordPiece","prefix":"##","cleanup":true},
            "model":{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":100,
            "vocab":{{JsonSerializer.Serialize(Vocabulary.Index().ToDictionary(pair => pair.Item, pair => pair.Index))}}} }
            """);
        File.WriteAllText(folder.File("tokenizer_config.json"), """
            {"tokenizer_class":"MPNetTokenizer","do_lower_case":true,"bos_token":"<s>","eos_token":"</s>","cls_token":"<s>",
            "sep_token":"</s>","pad_token":"<pad>","unk_token":"[UNK]","mask_token":"<mask>","model_max_length":512}
            """);
        Tokenizer tokenizer = Tokenizer.Load(folder.Root);
        Encoding encoding = tokenizer.Encode(first, second, new EncodeOptions { Offsets = true });
        Assert.Equal(ids, encoding.Ids);
        Assert.Equal(offsets, encoding.Offsets!.SelectMany(offset => (int[])[offset.Start, offset.End]));
        Assert.Equal(512, tokenizer.ModelMaxLength);
    }
}
