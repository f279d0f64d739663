namespace Engine.Tokenizers;

/// <summary><c>Split</c> by one of the known patterns, each match a piece.</summary>
internal sealed class ScannerPreTokenizer(PieceScanner scanner) : IPreTokenizer
{
    public void Split(Piece piece, List<Piece> output) => Split(scanner, piece, output);

    public static void Split(PieceScanner scanner, Piece piece, List<Piece> output)
    {
        ReadOnlySpan<char> text = piece.Span;
        for (int start = 0; start < text.Length;)
        {
            int end = scanner(text, start);
            output.Add(piece.Part(start, end));
            start = end;
        }
    }
}

/// <summary><c>WhitespaceSplit</c>: words between white space.</summary>
internal sealed class WhitespaceSplitPreTokenizer : IPreTokenizer
{
    public void Split(Piece piece, List<Piece> output)
    {
        ReadOnlySpan<char> text = piece.Span;
        for (int start = 0, end; start < text.Length; start = end + 1)
        {
            for (end = start; end < text.Length && !char.IsWhiteSpace(text[end]); end++)
            {
            }

            if (end > start)
            {
                output.Add(piece.Part(start, end));
            }
        }
    }
}

/// <summary>What becomes of the delimiter that a <see cref="LiteralSplitPreTokenizer"/> finds.</summary>
internal enum DelimiterBehavior
{
    Isolated,
    Removed,
    MergedWithPrevious,
    MergedWithNext,
}

/// <summary><c>Split</c> by a literal text.</summary>
internal sealed class LiteralSplitPreTokenizer(string delimiter, DelimiterBehavior behavior) : IPreTokenizer
{
    public void Split(Piece piece, List<Piece> output)
    {
        ReadOnlySpan<char> text = piece.Span;
        int start = 0, searched = 0;
        while (text[searched..].IndexOf(delimiter, StringComparison.Ordinal) is var found and >= 0)
        {
            int begin = searched + found, end = begin + delimiter.Length;
            searched = end;
            switch (behavior)
            {
                case DelimiterBehavior.MergedWithPrevious:
                    Add(start, end);
                    start = end;
                    break;
                case DelimiterBehavior.MergedWithNext:
                    Add(start, begin);
                    start = begin;
                    break;
                default:
                    Add(start, begin);
                    if (behavior == DelimiterBehavior.Isolated)
                    {
                        Add(begin, end);
                    }

                    start = end;
                    break;
            }
        }

        Add(start, text.Length);

        void Add(int from, int to)
        {
            if (to > from)
            {
                output.Add(piece.Part(from, to));
            }
        }
    }
}
