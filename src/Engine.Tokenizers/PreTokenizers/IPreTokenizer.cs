namespace Engine.Tokenizers;

/// <summary>The <c>pre_tokenizer</c> of a tokenizer.json: cuts normalized text into the pieces that the model sees one by one.</summary>
internal interface IPreTokenizer
{
    /// <summary>Whether it treats a piece that starts the text unlike others (<see cref="Piece.StartsText"/>).</summary>
    bool AsksForStart => false;

    /// <summary>Appends the pieces of <paramref name="piece"/> to <paramref name="output"/>, in order, none of them empty.</summary>
    void Split(Piece piece, List<Piece> output);
}

/// <summary>A part of a text. <paramref name="StartsText"/>: nothing stands before it in the text that the user gave.</summary>
internal readonly record struct Piece(AlignedText Text, int Start, int Length, bool StartsText)
{
    /// <summary>All of a text.</summary>
    public Piece(AlignedText text, bool startsText)
        : this(text, 0, text.Text.Length, startsText)
    {
    }

    public ReadOnlySpan<char> Span => Text.Text.AsSpan(Start, Length);

    /// <summary>The part of this piece from <paramref name="start"/> to <paramref name="end"/>, counted from its own start.</summary>
    public Piece Part(int start, int end) => new(Text, Start + start, end - start, StartsText && start == 0);

    /// <summary>The piece as a text of its own, which can be changed.</summary>
    public AlignedText Copy() => Text.Slice(Start, Length);

    /// <summary>The place in the given text of a token of this piece.</summary>
    public Token Place(Token token)
    {
        (int start, int end) = Text.PlaceOf(Start + token.Start, Start + token.End);
        return new Token(token.Id, start, end);
    }
}

/// <summary><c>Sequence</c>: each pre-tokenizer cuts the pieces of the one before.</summary>
internal sealed class SequencePreTokenizer(IReadOnlyList<IPreTokenizer> parts) : IPreTokenizer
{
    public bool AsksForStart => parts.Any(part => part.AsksForStart);

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
