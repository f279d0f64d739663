using System.Text;

namespace Engine.Tokenizers;

/// <summary>Reads the <c>normalizer</c> of a tokenizer.json.</summary>
internal static class NormalizerJson
{
    /// <summary>The type whose settings a tokenizer_config.json may replace.</summary>
    public const string BertType = "BertNormalizer";

    private static readonly string[] s_known =
        [BertType, "Lowercase", "NFC", "NFD", "NFKC", "NFKD", "Precompiled", "Prepend", "Replace", "Sequence", "Strip"];

    public static INormalizer Read(JsonField field)
    {
        JsonField type = field.Get("type");
        return type.Text() switch
        {
            BertType => Bert(field, lowercase: null, stripAccents: null, chinese: null),
            "Lowercase" => new LowercaseNormalizer(),
            "NFC" => new UnicodeFormNormalizer(NormalizationForm.FormC),
            "NFD" => new UnicodeFormNormalizer(NormalizationForm.FormD),
            "NFKC" => new UnicodeFormNormalizer(NormalizationForm.FormKC),
            "NFKD" => new UnicodeFormNormalizer(NormalizationForm.FormKD),
            "Precompiled" => Precompiled(field.Get("precompiled_charsmap")),
            "Prepend" => new PrependNormalizer(field.Get("prepend").Text()),
            "Replace" => Replace(field.Get("pattern"), field.Get("content").Text()),
            "Sequence" => new SequenceNormalizer([.. field.Get("normalizers").Items().Select(Read)]),
            "Strip" => new StripNormalizer(field.Get("strip_left").Flag(), field.Get("strip_right").Flag()),
            _ => throw type.Unknown("a normalizer", s_known),
        };
    }

    /// <summary>A BertNormalizer; what is not null stands in place of the file's setting.</summary>
    public static BertNormalizer Bert(JsonField field, bool? lowercase, bool? stripAccents, bool? chinese)
    {
        bool lower = lowercase ?? field.Flag("lowercase", true);
        return new BertNormalizer(
            field.Flag("clean_text", true), chinese ?? field.Flag("handle_chinese_chars", true),
            stripAccents ?? field.Flag("strip_accents", lower), lower);
    }

    private static INormalizer Replace(JsonField pattern, string content) =>
        pattern.Find("Regex") is not JsonField regex ? new ReplaceNormalizer(Literal(pattern), content)
            : regex.Text() == BlankRunsNormalizer.Pattern ? new BlankRunsNormalizer(content)
            : throw regex.Unknown("a regular expression to replace", [$"\"{BlankRunsNormalizer.Pattern}\""]);

    private static PrecompiledNormalizer Precompiled(JsonField field)
    {
        byte[] table;
        try
        {
            table = Convert.FromBase64String(field.Text());
        }
        catch (FormatException)
        {
            throw field.Wrong("a table in base64");
        }

        try
        {
            return new PrecompiledNormalizer(table);
        }
        catch (InvalidDataException error)
        {
            throw new InvalidDataException($"{field.File}: {field.Path}: {error.Message}.", error);
        }
    }

    /// <summary>The text of a pattern that has to be literal and not empty.</summary>
    public static string Literal(JsonField pattern)
    {
        if (pattern.Find("String") is not JsonField literal)
        {
            throw pattern.Wrong("a literal pattern, {\"String\": ...}: regular expressions are not supported here");
        }

        return literal.Text() is { Length: > 0 } text ? text : throw literal.Wrong("a text that is not empty");
    }
}
