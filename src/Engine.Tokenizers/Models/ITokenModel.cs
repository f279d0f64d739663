namespace Engine.Tokenizers;

/// <summary>The <c>model</c> of a tokenizer.json: turns pieces into ids of its vocabulary. Safe for use by several threads.</summary>
internal interface ITokenModel
{
    Vocabulary Vocabulary { get; }

    /// <summary>
    /// Appends the tokens of one piece. <paramref name="scratch"/> belongs to one thread at a time and to this model alone.
    /// </summary>
    void Encode(ReadOnlySpan<char> piece, EncodeScratch scratch, List<Token> tokens);
}

/// <summary>
/// A token and the whole characters that it stands for: of a piece in UTF-16 units from its start, later of the given text.
/// </summary>
internal readonly record struct Token(int Id, int Start, int End);

/// <summary>What one thread keeps between pieces: tokens of words met before, and working memory.</summary>
internal sealed class EncodeScratch
{
    private BestPath[] paths = new BestPath[256];

    public WordCache Cache { get; } = new();

    public MergeQueue Merges { get; } = new();

    public List<Piece> Pieces { get; } = [];

    public char[] Characters { get; set; } = new char[256];

    /// <summary>For each of <see cref="Characters"/> the character of the word whose byte it is.</summary>
    public (int Start, int End)[] Places { get; set; } = new (int, int)[256];

    /// <summary>Room for the best ways to so many places.</summary>
    public Span<BestPath> Paths(int count)
    {
        if (paths.Length < count)
        {
            paths = new BestPath[2 * count];
        }

        return paths.AsSpan(0, count);
    }
}
