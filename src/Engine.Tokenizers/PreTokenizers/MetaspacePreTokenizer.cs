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
    private readonly string mark = replacement.ToString();
    private readonly LiteralSplitPreTokenizer splitter = new(replacement.ToString(), DelimiterBehavior.MergedWithNext);

    public bool AsksForStart => scheme == PrependScheme.First;

    public void Split(Piece piece, List<Piece> output)
    {
        AlignedText text = piece.Copy();
        text.Replace(" ", mark);
        bool prepend = scheme == PrependScheme.Always || (scheme == PrependScheme.First && piece.StartsText);
        if (prepend && text.Text[0] != replacement)
        {
            text.Prepend(mark);
        }

        Piece marked = new(text, piece.StartsText);
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
