namespace Engine.Tokenizers;

/// <summary>Reads the <c>pre_tokenizer</c> of a tokenizer.json.</summary>
internal static class PreTokenizerJson
{
    private static readonly string[] s_known =
        ["BertPreTokenizer", "ByteLevel", "Digits", "Metaspace", "Sequence", "Split", "WhitespaceSplit"];

    /// <param name="field">The object.</param>
    /// <param name="byteLevel">Whether the model is to see bytes.</param>
    /// <param name="addPrefixSpace">Stands in place of a ByteLevel's own setting; null leaves that.</param>
    public static IPreTokenizer Read(JsonField field, out bool byteLevel, bool? addPrefixSpace = null)
    {
        JsonField type = field.Get("type");
        byteLevel = type.Text() == "ByteLevel";
        return type.Text() switch
        {
            "BertPreTokenizer" => new BertPreTokenizer(),
            "ByteLevel" => new ByteLevelPreTokenizer(addPrefixSpace ?? field.Flag("add_prefix_space", true), field.Flag("use_regex", true)),
            "Digits" => new DigitsPreTokenizer(field.Flag("individual_digits", false)),
            "Metaspace" => Metaspace(field),
            "Sequence" => Sequence(field, out byteLevel),
            "Split" => Split(field),
            "WhitespaceSplit" => new WhitespaceSplitPreTokenizer(),
            _ => throw type.Unknown("a pre-tokenizer", s_known),
        };
    }

    /// <summary>The one character that stands for a blank.</summary>
    public static char Replacement(JsonField field)
    {
        JsonField replacement = field.Get("replacement");
        return replacement.Text() is { Length: 1 } text ? text[0] : throw replacement.Wrong("one character");
    }

    public static PrependScheme Scheme(JsonField field)
    {
        if (field.Find("prepend_scheme") is JsonField scheme)
        {
            return scheme.Text() switch
            {
                "always" => PrependScheme.Always,
                "first" => PrependScheme.First,
                "never" => PrependScheme.Never,
                _ => throw scheme.Wrong("\"always\", \"first\" or \"never\""),
            };
        }

        return field.Flag("add_prefix_space", true) ? PrependScheme.Always : PrependScheme.Never;
    }

    private static MetaspacePreTokenizer Metaspace(JsonField field) => new(Replacement(field), Scheme(field), field.Flag("split", true));

    private static IPreTokenizer Sequence(JsonField field, out bool byteLevel)
    {
        List<IPreTokenizer> parts = [];
        byteLevel = false;
        foreach (JsonField part in field.Get("pretokenizers").Items())
        {
            if (byteLevel)
            {
                throw part.Wrong("nothing after ByteLevel: a pre-tokenizer of bytes is not supported");
            }

            IPreTokenizer read = Read(part, out byteLevel);
            if (read is not ByteLevelPreTokenizer { CutsNothing: true })
            {
                parts.Add(read);
            }
        }

        return parts is [IPreTokenizer only] ? only : new SequencePreTokenizer(parts);
    }

    private static IPreTokenizer Split(JsonField field)
    {
        JsonField pattern = field.Get("pattern"), behavior = field.Get("behavior");
        bool invert = field.Flag("invert", false);
        if (pattern.Find("Regex") is not JsonField regex)
        {
            if (invert)
            {
                throw field.Get("invert").Wrong("false for a literal pattern");
            }

            return new LiteralSplitPreTokenizer(NormalizerJson.Literal(pattern), Behavior(behavior));
        }

        // The known patterns match everywhere, so what is isolated and what is left when all between is removed are the same.
        if ((behavior.Text(), invert) is not (("Isolated", false) or ("Removed", true)))
        {
            throw behavior.Wrong("\"Isolated\" without invert, or \"Removed\" with invert, for a regular expression");
        }

        PieceScanner scanner = SplitPattern.Find(regex.Text())
            ?? throw regex.Unknown("a split pattern", ["those of GPT-2, Qwen2 and Llama 3"]);
        return new ScannerPreTokenizer(scanner);
    }

    private static DelimiterBehavior Behavior(JsonField behavior) => behavior.Text() switch
    {
        "Isolated" => DelimiterBehavior.Isolated,
        "Removed" => DelimiterBehavior.Removed,
        "MergedWithPrevious" => DelimiterBehavior.MergedWithPrevious,
        "MergedWithNext" => DelimiterBehavior.MergedWithNext,
        _ => throw behavior.Unknown("a behavior", ["Isolated", "Removed", "MergedWithPrevious", "MergedWithNext"]),
    };
}
