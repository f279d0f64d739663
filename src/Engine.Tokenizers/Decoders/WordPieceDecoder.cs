namespace Engine.Tokenizers;

/// <summary>
/// <c>WordPiece</c>: a blank before each token but the first, none before continuations. With <paramref name="cleanup"/> the blank before
/// punctuation and English contractions goes, token by token.
/// </summary>
internal sealed class WordPieceDecoder(string prefix, bool cleanup) : IDecoder
{
    /// <summary>What cleaning replaces, in this order.</summary>
    private static readonly (string Spaced, string Joined)[] s_cleaned =
    [
        (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"), (" do not", " don't"),
        (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
    ];

    public IReadOnlyList<string> Decode(IReadOnlyList<string> tokens) => [.. tokens.Select(DecodeToken)];

    private string DecodeToken(string token, int index)
    {
        if (index > 0)
        {
            token = token.StartsWith(prefix, StringComparison.Ordinal) ? token[prefix.Length..] : " " + token;
        }

        if (cleanup)
        {
            foreach ((string spaced, string joined) in s_cleaned)
            {
                token = token.Replace(spaced, joined, StringComparison.Ordinal);
            }
        }

        return token;
    }
}
