using System.Text.Encodings.Web;
using System.Text.Json;

namespace Engine.Tokenizers;

/// <summary>A byte-level byte-pair encoding as <see cref="BpeTrainer"/> learned it.</summary>
public sealed class TrainedBpe
{
    private const int ModelMaxLength = 512;

    private readonly bool addPrefixSpace;

    internal TrainedBpe(IReadOnlyList<string> tokens, IReadOnlyList<(string Left, string Right)> merges, bool addPrefixSpace)
    {
        Tokens = tokens;
        Merges = merges;
        this.addPrefixSpace = addPrefixSpace;
    }

    /// <summary>The tokens; the place of a token is its id.</summary>
    public IReadOnlyList<string> Tokens { get; }

    /// <summary>The merges in the order in which they were learned.</summary>
    public IReadOnlyList<(string Left, string Right)> Merges { get; }

    /// <summary>The files that <see cref="Save"/> writes.</summary>
    public static IReadOnlyList<string> FileNames { get; } =
        [TokenizerFolder.VocabularyName, TokenizerFolder.MergesName, TokenizerFolder.TokenizerJsonName, TokenizerFolder.ConfigName];

    /// <summary>
    /// Writes vocab.json, merges.txt, tokenizer.json and tokenizer_config.json, as Transformers has them for RoBERTa, each under a
    /// temporary name until it is complete.
    /// </summary>
    public void Save(string folder)
    {
        Directory.CreateDirectory(folder);
        Write(TokenizerFolder.VocabularyName, Json(indented: false, WriteVocabulary));
        string merges = "#version: 0.2\n" + string.Concat(Merges.Select(merge => $"{merge.Left} {merge.Right}\n"));
        Write(TokenizerFolder.MergesName, System.Text.Encoding.UTF8.GetBytes(merges));
        Write(TokenizerFolder.TokenizerJsonName, Json(indented: true, WriteTokenizer));
        Write(TokenizerFolder.ConfigName, Json(indented: true, WriteConfig));

        void Write(string name, byte[] content) => new TokenizerFile(name, content).WriteTo(folder);
    }

    private static byte[] Json(bool indented, Action<Utf8JsonWriter> write)
    {
        using MemoryStream stream = new();
        using (Utf8JsonWriter writer = new(
            stream, new JsonWriterOptions { Indented = indented, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, NewLine = "\n" }))
        {
            write(writer);
        }

        return stream.ToArray();
    }

    private void WriteVocabulary(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        for (int id = 0; id < Tokens.Count; id++)
        {
            writer.WriteNumber(Tokens[id], id);
        }

        writer.WriteEndObject();
    }

    private void WriteTokenizer(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("version", "1.0");
        writer.WriteNull("truncation");
        writer.WriteNull("padding");
        writer.WriteStartArray("added_tokens");
        for (int id = 0; id < BpeTrainer.SpecialTokens.Count; id++)
        {
            writer.WriteStartObject();
            writer.WriteNumber("id", id);
            WriteAddedToken(writer, id);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        writer.WriteNull("normalizer");
        WriteByteLevel(writer, "pre_tokenizer", addPrefixSpace);
        writer.WriteStartObject("post_processor");
        writer.WriteString("type", "RobertaProcessing");
        WriteTokenWithId(writer, "sep", "</s>");
        WriteTokenWithId(writer, "cls", "<s>");
        writer.WriteBoolean("trim_offsets", true);
        writer.WriteBoolean("add_prefix_space", addPrefixSpace);
        writer.WriteEndObject();
        WriteByteLevel(writer, "decoder", prefix: true);
        WriteModel(writer);
        writer.WriteEndObject();
    }

    private void WriteModel(Utf8JsonWriter writer)
    {
        writer.WriteStartObject("model");
        writer.WriteString("type", "BPE");
        writer.WriteNull("dropout");
        writer.WriteNull("unk_token");
        writer.WriteString("continuing_subword_prefix", "");
        writer.WriteString("end_of_word_suffix", "");
        writer.WriteBoolean("fuse_unk", false);
        writer.WriteBoolean("byte_fallback", false);
        writer.WriteBoolean("ignore_merges", false);
        writer.WritePropertyName("vocab");
        WriteVocabulary(writer);
        // As strings: every version of the reader takes those.
        writer.WriteStartArray("merges");
        foreach ((string left, string right) in Merges)
        {
            writer.WriteStringValue($"{left} {right}");
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    private void WriteConfig(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteBoolean("add_prefix_space", addPrefixSpace);
        writer.WriteStartObject("added_tokens_decoder");
        for (int id = 0; id < BpeTrainer.SpecialTokens.Count; id++)
        {
            writer.WriteStartObject(id.ToString(System.Globalization.CultureInfo.InvariantCulture));
            WriteAddedToken(writer, id);
            writer.WriteEndObject();
        }

        writer.WriteEndObject();
        foreach ((string role, string token) in new[]
        {
            ("bos_token", "<s>"), ("cls_token", "<s>"), ("eos_token", "</s>"), ("sep_token", "</s>"),
            ("pad_token", "<pad>"), ("unk_token", "<unk>"), ("mask_token", "<mask>"),
        })
        {
            writer.WriteString(role, token);
        }

        writer.WriteBoolean("clean_up_tokenization_spaces", false);
        writer.WriteString("errors", "replace");
        writer.WriteNumber("model_max_length", ModelMaxLength);
        writer.WriteString("tokenizer_class", "RobertaTokenizer");
        writer.WriteBoolean("trim_offsets", true);
        writer.WriteEndObject();
    }

    private static void WriteAddedToken(Utf8JsonWriter writer, int id)
    {
        string token = BpeTrainer.SpecialTokens[id];
        writer.WriteString("content", token);
        writer.WriteBoolean("single_word", false);
        // The mask stands for a word together with the blank before it.
        writer.WriteBoolean("lstrip", token == "<mask>");
        writer.WriteBoolean("rstrip", false);
        writer.WriteBoolean("normalized", false);
        writer.WriteBoolean("special", true);
    }

    private static void WriteByteLevel(Utf8JsonWriter writer, string name, bool prefix)
    {
        writer.WriteStartObject(name);
        writer.WriteString("type", "ByteLevel");
        writer.WriteBoolean("add_prefix_space", prefix);
        writer.WriteBoolean("trim_offsets", true);
        writer.WriteBoolean("use_regex", true);
        writer.WriteEndObject();
    }

    private void WriteTokenWithId(Utf8JsonWriter writer, string name, string token)
    {
        writer.WriteStartArray(name);
        writer.WriteStringValue(token);
        writer.WriteNumberValue(Tokens.Index().First(entry => entry.Item == token).Index);
        writer.WriteEndArray();
    }
}
