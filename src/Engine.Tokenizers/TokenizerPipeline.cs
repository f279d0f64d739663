namespace Engine.Tokenizers;

/// <summary>The parts of a tokenizer, as tokenizer.json has them.</summary>
internal sealed record TokenizerPipeline(
    INormalizer? Normalizer, IPreTokenizer? PreTokenizer, ITokenModel Model, SequenceTemplate Template, IDecoder? Decoder,
    AddedVocabulary Added)
{
    /// <summary>Whether offsets leave blanks out that tokens begin or end with; null where they do not.</summary>
    public OffsetTrimming? Trimming { get; init; }

    public int? TokenToId(string token) =>
        Added.TryGet(token, out int id) || Model.Vocabulary.TryGetId(token, out id) ? id : null;

    public string? IdToToken(int id) => Added.TokenOf(id)?.Content ?? Model.Vocabulary.TokenOf(id);

    /// <summary>A normalizer may take away what starts the text: then the places say whether anything starts it.</summary>
    private bool NeedsPlaces => Normalizer is not null && PreTokenizer is { AsksForStart: true };

    /// <summary>Appends the tokens of a well-formed text; none are added around it.</summary>
    /// <param name="text">The text.</param>
    /// <param name="added">The added tokens that are looked for in it.</param>
    /// <param name="isStart">Nothing stands before it in the text that the network reads.</param>
    /// <param name="withPlaces">Whether tokens get their places in the text; without, their starts and ends mean nothing.</param>
    /// <param name="scratch">Working memory.</param>
    /// <param name="tokens">Gets the tokens.</param>
    public void Encode(string text, AddedTokenMatchers added, bool isStart, bool withPlaces, EncodeScratch scratch, List<Token> tokens)
    {
        foreach (TextSegment raw in Split(added.Raw, text))
        {
            if (raw.Token is not null)
            {
                tokens.Add(new Token(raw.Token.Id, raw.Start, raw.End));
                continue;
            }

            AlignedText normalized = new(Cut(text, raw), withPlaces || NeedsPlaces, raw.Start);
            Normalizer?.Normalize(normalized);
            foreach (TextSegment segment in Split(added.Normalized, normalized.Text))
            {
                bool startsText = isStart && normalized.PlaceOf(segment.Start, segment.End).Start == 0;
                Piece piece = new(normalized, segment.Start, segment.End - segment.Start, startsText);
                if (segment.Token is null)
                {
                    EncodePieces(piece, scratch, tokens);
                }
                else
                {
                    tokens.Add(piece.Place(new Token(segment.Token.Id, 0, piece.Length)));
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

    private void EncodePieces(Piece piece, EncodeScratch scratch, List<Token> tokens)
    {
        scratch.Pieces.Clear();
        if (PreTokenizer is null)
        {
            scratch.Pieces.Add(piece);
        }
        else
        {
            PreTokenizer.Split(piece, scratch.Pieces);
        }

        foreach (Piece part in scratch.Pieces)
        {
            int first = tokens.Count;
            Model.Encode(part.Span, scratch, tokens);
            for (int i = first; part.Text.Tracks && i < tokens.Count; i++)
            {
                tokens[i] = part.Place(tokens[i]);
            }
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
