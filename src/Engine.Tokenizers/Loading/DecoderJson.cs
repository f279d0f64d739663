namespace Engine.Tokenizers;

/// <summary>Reads the <c>decoder</c> of a tokenizer.json.</summary>
internal static class DecoderJson
{
    private static readonly string[] s_known =
        ["ByteFallback", "ByteLevel", "Fuse", "Metaspace", "Replace", "Sequence", "Strip", "WordPiece"];

    public static IDecoder Read(JsonField field)
    {
        JsonField type = field.Get("type");
        return type.Text() switch
        {
            "ByteFallback" => new ByteFallbackDecoder(),
            "ByteLevel" => new ByteLevelDecoder(),
            "Fuse" => new FuseDecoder(),
            "Metaspace" => new MetaspaceDecoder(PreTokenizerJson.Replacement(field), PreTokenizerJson.Scheme(field)),
            "Replace" => new ReplaceDecoder(NormalizerJson.Literal(field.Get("pattern")), field.Get("content").Text()),
            "Sequence" => new SequenceDecoder([.. field.Get("decoders").Items().Select(Read)]),
            "Strip" => Strip(field),
            "WordPiece" => new WordPieceDecoder(field.Get("prefix").Text(), field.Flag("cleanup", true)),
            _ => throw type.Unknown("a decoder", s_known),
        };
    }

    private static StripDecoder Strip(JsonField field)
    {
        JsonField content = field.Get("content");
        return content.Text() is { Length: 1 } text
            ? new StripDecoder(text[0], field.Get("start").Integer(), field.Get("stop").Integer())
            : throw content.Wrong("one character");
    }
}
