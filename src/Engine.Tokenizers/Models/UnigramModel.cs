using System.Runtime.InteropServices;

namespace Engine.Tokenizers;

/// <summary>What the <c>model</c> object of a unigram language model says besides its tokens.</summary>
/// <param name="Unknown">The id that stands for characters that no token covers.</param>
/// <param name="ByteFallback">Such characters become their UTF-8 bytes as <c>&lt;0xNN&gt;</c>, where the vocabulary has all of
/// those.</param>
internal sealed record UnigramOptions(int Unknown, bool ByteFallback = false);

/// <summary>
/// <c>Unigram</c>: of all ways to cover a piece with tokens the one whose log probabilities add up to the most (Kudo 2018, arXiv
/// 1804.10959), found by Viterbi's algorithm; of equal ways to a place the one that was met first. A run of characters that no token covers
/// is one unknown token.
/// </summary>
internal sealed class UnigramModel : ITokenModel
{
    /// <summary>By how much an unknown character is less probable than the least probable token (SentencePiece).</summary>
    private const double UnknownPenalty = 10;

    private readonly double[] scores;
    private readonly double unknownScore;
    private readonly int unknown;
    private readonly TokenTrie trie;
    private readonly ByteTokens? fallback;

    /// <param name="vocabulary">Tokens and ids.</param>
    /// <param name="scores">The logarithm of each id's probability.</param>
    /// <param name="options">The rest of the model's settings.</param>
    public UnigramModel(Vocabulary vocabulary, double[] scores, UnigramOptions options)
    {
        Vocabulary = vocabulary;
        this.scores = scores;
        unknown = options.Unknown;
        unknownScore = scores.Min() - UnknownPenalty;
        trie = new TokenTrie(vocabulary);
        fallback = options.ByteFallback ? new ByteTokens(vocabulary) : null;
    }

    public Vocabulary Vocabulary { get; }

    public void Encode(ReadOnlySpan<char> piece, EncodeScratch scratch, List<Token> tokens)
    {
        if (scratch.Cache.TryAppend(piece, 0, tokens))
        {
            return;
        }

        int first = tokens.Count;
        Span<BestPath> best = scratch.Paths(piece.Length + 1);
        Search(piece, best);
        ReadBack(piece, best, tokens);
        scratch.Cache.Add(piece, 0, CollectionsMarshal.AsSpan(tokens)[first..]);
    }

    /// <summary>Finds the best way to each place of a piece.</summary>
    private void Search(ReadOnlySpan<char> piece, Span<BestPath> best)
    {
        best.Fill(BestPath.None);
        best[0] = new BestPath(0, 0, 0);
        for (int start = 0, units; start < piece.Length; start += units)
        {
            units = char.IsHighSurrogate(piece[start]) ? 2 : 1;
            double before = best[start].Score;
            bool isCovered = false;
            for (int end = start, node = TokenTrie.Root; end < piece.Length && trie.TryStep(node, piece[end], out node);)
            {
                end++;
                if (trie.TryGetId(node, out int id))
                {
                    best[end].Take(scores[id] + before, id, start);
                    isCovered |= end - start == units;
                }
            }

            if (!isCovered)
            {
                best[start + units].Take(unknownScore + before, unknown, start);
            }
        }
    }

    /// <summary>Appends the tokens of the best way to the end of a piece.</summary>
    private void ReadBack(ReadOnlySpan<char> piece, ReadOnlySpan<BestPath> best, List<Token> tokens)
    {
        int first = tokens.Count;
        for (int end = piece.Length; end > 0;)
        {
            int id = best[end].Id, start = best[end].Start;
            while (id == unknown && start > 0 && best[start].Id == unknown)
            {
                start = best[start].Start;
            }

            if (id == unknown)
            {
                AddUnknown(piece[start..end], start, tokens);
            }
            else
            {
                tokens.Add(new Token(id, start, end));
            }

            end = start;
        }

        tokens.Reverse(first, tokens.Count - first);
    }

    /// <summary>Appends the tokens of a run of characters without one, the last first.</summary>
    private void AddUnknown(ReadOnlySpan<char> run, int start, List<Token> tokens)
    {
        int end = start + run.Length;
        if (Vocabulary.TryGetId(run, out int whole))
        {
            tokens.Add(new Token(whole, start, end));
        }
        else if (fallback?.Of(run) is { } bytes)
        {
            tokens.AddRange(bytes.Reverse().Select(id => new Token(id, start, end)));
        }
        else
        {
            tokens.Add(new Token(unknown, start, end));
        }
    }
}

/// <summary>The best way to a place of a piece: its score, and where its last token begins.</summary>
internal record struct BestPath(double Score, int Id, int Start)
{
    /// <summary>No way yet.</summary>
    public static readonly BestPath None = new(0, 0, -1);

    /// <summary>Takes a way that is better, or the first.</summary>
    public void Take(double score, int id, int start)
    {
        if (Start < 0 || score > Score)
        {
            this = new BestPath(score, id, start);
        }
    }
}
