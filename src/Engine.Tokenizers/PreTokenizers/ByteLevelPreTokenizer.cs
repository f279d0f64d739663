namespace Engine.Tokenizers;

/// <summary>
/// <c>ByteLevel</c>: with <c>use_regex</c> cuts by the pattern of GPT-2. The pieces stay text; that the model sees them as bytes is said to
/// its <see cref="BpeModel"/>, so that a piece met before is found without being mapped.
/// </summary>
internal sealed class ByteLevelPreTokenizer(bool addPrefixSpace, bool useRegex) : IPreTokenizer
{
    /// <summary>Whether pieces come out as they went in.</summary>
    public bool CutsNothing => !addPrefixSpace && !useRegex;

    public void Split(Piece piece, List<Piece> output)
    {
        if (addPrefixSpace && piece.Span[0] != ' ')
        {
            AlignedText prefixed = piece.Copy();
            prefixed.Prepend(" ");
            piece = new Piece(prefixed, piece.StartsText);
        }

        if (useRegex)
        {
            ScannerPreTokenizer.Split(SplitPattern.ScanGpt2, piece, output);
        }
        else
        {
            output.Add(piece);
        }
    }
}
