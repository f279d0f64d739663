namespace Engine.Tokenizers;

/// <summary>The parts of a tokenizer, as tokenizer.json has them.</summary>
internal sealed record TokenizerPipeline(
    INormalizer? Normalizer, IPreTokenizer? PreTokenizer, ITokenModel Model, SequenceTemplate Template, IDecoder? Decoder, AddedVocabulary Added)
{
    public int? TokenToId(string token) =>
        Added.TryGet(token, out int id) || Model.Vocabulary.TryGetId(token, out id) ? id : null;

    public string? IdToToken(int id) => Added.TokenOf(id)?.Content ?? Model.Vocabulary.TokenOf(id);

    /// <summary>Appends the ids of a well-formed text; none are added around it.</summary>
    /// <param name="tokens">The added tokens that are looked for in it.</param>
    /// <param name="isStart">Nothing stands before it in the text that the network reads.</param>
    public void Encode(string text, AddedTokenMatchers tokens, bool isStart, EncodeScratch scratch, List<int> ids)
    {
        foreach (TextSegment raw in Split(tokens.Raw, text))
        {
            if (raw.Token is not null)
            {
                ids.Add(raw.Token.Id);
                continue;
            }

            string normalized = Cut(text, raw);
            normalized = Normalizer is null ? normalized : Normalizer.Normalize(normalized);
            foreach (TextSegment segment in Split(tokens.Normalized, normalized))
            {
                if (segment.Token is not null)
                {
                    ids.Add(segment.Token.Id);
                }
                else
                {
                    bool startsText = isStart && raw.Start == 0 && segment.Start == 0;
                    EncodePieces(new Piece(normalized, segment.Start, segment.End - segment.Start, startsText), scratch, ids);
                }
            }
        }
    }

    /// <summary>The text of tokens. Ids that have no token (rows that pad an embedding) give nothing, as in Transformers.</summary>
    public string Decode(IEnumerable<int> ids, bool skipSpecialTokens)
    {
        List<string> tokens = [];
        foreach (int id in ids)
        {
            string? token = Added.DecodedForm(id, out bool skippable) ?? Model.Vocabulary.TokenOf(id);
            if (token is not null && !(skippable && skipSpecialTokens))
            {
                tokens.Add(token);
            }
        }

        return Decoder is null ? string.Join(' ', tokens) : string.Concat(Decoder.Decode(tokens));
    }

    private void EncodePieces(Piece piece, EncodeScratch scratch, List<int> ids)
    {
        if (PreTokenizer is null)
        {
            Model.Encode(piece.Span, scratch, ids);
            return;
        }

        scratch.Pieces.Clear();
        PreTokenizer.Split(piece, scratch.Pieces);
        foreach (Piece part in scratch.Pieces)
        {
            Model.Encode(part.Span, scratch, ids);
        }
    }

    private static List<TextSegment> Split(AddedTokenMatcher? matcher, string text)
    {
        List<TextSegment> segments = [];
        if (matcher is not null)
        {
            matcher.Split(text, segments);
        }
        else if (text.Length > 0)
        {
            segments.Add(new TextSegment(0, text.Length, null));
        }

        return segments;
    }

    private static string Cut(string text, TextSegment segment) =>
        segment.End - segment.Start == text.Length ? text : text[segment.Start..segment.End];
}
