using System.Runtime.InteropServices;

namespace Engine.Tokenizers;

/// <summary>
/// <c>WordPiece</c>: the longest token that starts the word, then the longest continuation, and so on; a word that cannot be covered is
/// unknown as a whole.
/// </summary>
internal sealed class WordPieceModel : ITokenModel
{
    private readonly int unknown;
    private readonly int maxCharacters;
    private readonly int longestToken;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> continuations;

    /// <param name="vocabulary">Tokens and ids.</param>
    /// <param name="unknownToken">Stands for words that cannot be covered.</param>
    /// <param name="continuingPrefix">What marks a token that continues a word.</param>
    /// <param name="maxCharacters">Words of more characters (code points) are unknown.</param>
    /// <param name="source">The file, for error messages.</param>
    public WordPieceModel(Vocabulary vocabulary, string unknownToken, string continuingPrefix, int maxCharacters, string source)
    {
        Vocabulary = vocabulary;
        this.maxCharacters = maxCharacters;
        if (!vocabulary.TryGetId(unknownToken, out unknown))
        {
            throw new InvalidDataException(
                $"{source}: unk_token \"{unknownToken}\" is not in the vocabulary; WordPiece needs it for words it cannot cover.");
        }

        Dictionary<string, int> continuations = new(StringComparer.Ordinal);
        foreach ((string token, int id) in vocabulary.Entries)
        {
            longestToken = Math.Max(longestToken, token.Length);
            if (token.StartsWith(continuingPrefix, StringComparison.Ordinal))
            {
                continuations[token[continuingPrefix.Length..]] = id;
            }
        }

        this.continuations = continuations.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    public Vocabulary Vocabulary { get; }

    public void Encode(ReadOnlySpan<char> piece, EncodeScratch scratch, List<Token> tokens)
    {
        if (scratch.Cache.TryAppend(piece, 0, tokens))
        {
            return;
        }

        int first = tokens.Count;
        if (AlignedText.CountCharacters(piece) > maxCharacters || !TryCover(piece, tokens))
        {
            tokens.RemoveRange(first, tokens.Count - first);
            tokens.Add(new Token(unknown, 0, piece.Length));
        }

        scratch.Cache.Add(piece, 0, CollectionsMarshal.AsSpan(tokens)[first..]);
    }

    private bool TryCover(ReadOnlySpan<char> word, List<Token> tokens)
    {
        for (int start = 0; start < word.Length;)
        {
            int end = Math.Min(word.Length, start + longestToken);
            int id = 0;
            while (end > start && !TryGetId(word[start..end], continues: start > 0, out id))
            {
                end--;
            }

            if (end == start)
            {
                return false;
            }

            tokens.Add(new Token(id, start, end));
            start = end;
        }

        return true;
    }

    private bool TryGetId(ReadOnlySpan<char> part, bool continues, out int id) =>
        continues ? continuations.TryGetValue(part, out id) : Vocabulary.TryGetId(part, out id);
}
