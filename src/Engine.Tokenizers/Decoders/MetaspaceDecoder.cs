namespace Engine.Tokenizers;

/// <summary><c>Metaspace</c>: the mark of SentencePiece becomes a blank, but not in the first token where encoding put it.</summary>
internal sealed class MetaspaceDecoder(char replacement, PrependScheme scheme) : IDecoder
{
    public IReadOnlyList<string> Decode(IReadOnlyList<string> tokens)
    {
        string mark = replacement.ToString();
        return [.. tokens.Select((token, index) =>
            token.Replace(mark, index == 0 && scheme != PrependScheme.Never ? "" : " ", StringComparison.Ordinal))];
    }
}
