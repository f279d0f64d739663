namespace Engine.Tokenizers;

/// <summary>The <c>pre_tokenizer</c> of a tokenizer.json: cuts normalized text into the pieces that the model sees one by one.</summary>
internal interface IPreTokenizer
{
    /// <summary>Appends the pieces of <paramref name="piece"/> to <paramref name="output"/>, in order, none of them empty.</summary>
    void Split(Piece piece, List<Piece> output);
}

/// <summary>A part of a text. <paramref name="StartsText"/>: nothing stands before it in the text that the user gave.</summary>
internal readonly record struct Piece(string Text, int Start, int Length, bool StartsText)
{
    public ReadOnlySpan<char> Span => Text.AsSpan(Start, Length);

    /// <summary>The part of this piece from <paramref name="start"/> to <paramref name="end"/>, counted from its own start.</summary>
    public Piece Part(int start, int end) => new(Text, Start + start, end - start, StartsText && start == 0);
}

/// <summary><c>Sequence</c>: each pre-tokenizer cuts the pieces of the one before.</summary>
internal sealed class SequencePreTokenizer(IReadOnlyList<IPreTokenizer> parts) : IPreTokenizer
{
    public void Split(Piece piece, List<Piece> output)
    {
        List<Piece> pieces = [piece];
        foreach (IPreTokenizer preTokenizer in parts)
        {
            List<Piece> cut = new(pieces.Count);
            foreach (Piece part in pieces)
            {
                preTokenizer.Split(part, cut);
            }

            pieces = cut;
        }

        output.AddRange(pieces);
    }
}
