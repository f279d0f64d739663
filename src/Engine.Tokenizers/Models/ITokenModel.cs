namespace Engine.Tokenizers;

/// <summary>The <c>model</c> of a tokenizer.json: turns pieces into ids of its vocabulary. Safe for use by several threads.</summary>
internal interface ITokenModel
{
    Vocabulary Vocabulary { get; }

    /// <summary>Appends the ids of one piece. <paramref name="scratch"/> belongs to one thread at a time and to this model alone.</summary>
    void Encode(ReadOnlySpan<char> piece, EncodeScratch scratch, List<int> ids);
}

/// <summary>What one thread keeps between pieces: ids of words met before, and working memory.</summary>
internal sealed class EncodeScratch
{
    public WordCache Cache { get; } = new();

    public MergeQueue Merges { get; } = new();

    public List<Piece> Pieces { get; } = [];

    public char[] Characters { get; set; } = new char[256];
}
