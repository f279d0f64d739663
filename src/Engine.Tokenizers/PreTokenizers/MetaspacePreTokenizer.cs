namespace Engine.Tokenizers;

/// <summary>When a <c>Metaspace</c> puts its mark before a text.</summary>
internal enum PrependScheme
{
    /// <summary>Before every part between added tokens.</summary>
    Always,

    /// <summary>Only before what starts the text.</summary>
    First,

    Never,
}

/// <summary><c>Metaspace</c>: blanks become the mark of SentencePiece; with <paramref name="split"/> each mark starts a piece.</summary>
internal sealed class MetaspacePreTokenizer(char replacement, PrependScheme scheme, bool split) : IPreTokenizer
{
    private readonly LiteralSplitPreTokenizer splitter = new(replacement.ToString(), DelimiterBehavior.MergedWithNext);

    public void Split(Piece piece, List<Piece> output)
    {
        string text = piece.Span.ToString().Replace(' ', replacement);
        bool prepend = scheme == PrependScheme.Always || (scheme == PrependScheme.First && piece.StartsText);
        if (prepend && text[0] != replacement)
        {
            text = replacement + text;
        }

        Piece marked = new(text, 0, text.Length, piece.StartsText);
        if (split)
        {
            splitter.Split(marked, output);
        }
        else
        {
            output.Add(marked);
        }
    }
}
