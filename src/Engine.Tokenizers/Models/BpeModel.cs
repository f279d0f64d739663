using System.Runtime.InteropServices;
using System.Text;

namespace Engine.Tokenizers;

/// <summary>What the <c>model</c> object of a byte-pair encoding says besides vocabulary and merges.</summary>
/// <param name="UnknownToken">Stands for characters that the vocabulary lacks; null leaves them out.</param>
/// <param name="FuseUnknown">One unknown token for a run of unknown characters.</param>
/// <param name="ByteFallback">A character that the vocabulary lacks becomes its UTF-8 bytes as <c>&lt;0xNN&gt;</c>, where it has all of
/// those.</param>
/// <param name="IgnoreMerges">A piece that is a token as a whole becomes that token, whether or not merges lead there.</param>
internal sealed record BpeOptions(
    string? UnknownToken = null, bool FuseUnknown = false, bool ByteFallback = false, bool IgnoreMerges = false);

/// <summary><c>BPE</c>: byte-pair encoding over characters, or over bytes that stand as characters (<see cref="ByteAlphabet"/>).</summary>
internal sealed class BpeModel : ITokenModel
{
    private const int Absent = -1;

    /// <summary>SentencePiece's mark of a blank.</summary>
    private const char BlankMark = '\u2581';

    private readonly BpeOptions options;
    private readonly bool byteLevel;

    /// <summary>No merge joins a blank to what stands before it, so that words can be encoded, and remembered, one by one.</summary>
    private readonly bool cutsBeforeBlanks;
    private readonly MergeTable merges;
    private readonly int unknown = Absent;
    private readonly ByteTokens? fallback;

    /// <summary>Ids of the characters of the basic plane.</summary>
    private readonly int[] characters = new int[0x10000];

    /// <param name="vocabulary">Tokens and ids.</param>
    /// <param name="merges">Pairs of tokens in the order of their rank.</param>
    /// <param name="byteLevel">Pieces are to be seen as bytes.</param>
    /// <param name="options">The rest of the model's settings.</param>
    /// <param name="source">The file, for error messages.</param>
    public BpeModel(Vocabulary vocabulary, IReadOnlyList<TokenPair> merges, bool byteLevel, BpeOptions options, string source)
    {
        Vocabulary = vocabulary;
        this.options = options;
        this.byteLevel = byteLevel;
        this.merges = new MergeTable(Resolve(vocabulary, merges, source));
        Array.Fill(characters, Absent);
        foreach ((string token, int id) in vocabulary.Entries)
        {
            if (token.Length == 1)
            {
                characters[token[0]] = id;
            }
        }

        if (options.UnknownToken is string unknown && !vocabulary.TryGetId(unknown, out this.unknown))
        {
            throw new InvalidDataException($"{source}: unk_token \"{unknown}\" is not in the vocabulary; name a token that is, or null.");
        }

        // A blank that is a token also ends a run of unknown characters, so no state reaches over the cut.
        cutsBeforeBlanks = !byteLevel && !options.IgnoreMerges && characters[BlankMark] != Absent
            && merges.All(merge => !merge.Right.StartsWith(BlankMark) || merge.Left.EndsWith(BlankMark));
        if (options.ByteFallback)
        {
            fallback = new ByteTokens(vocabulary);
        }
    }

    public Vocabulary Vocabulary { get; }

    public void Encode(ReadOnlySpan<char> piece, EncodeScratch scratch, List<Token> tokens)
    {
        int start = 0;
        while (cutsBeforeBlanks && EndOfWord(piece[start..]) is var length && start + length < piece.Length)
        {
            EncodeWord(piece.Slice(start, length), start, scratch, tokens);
            start += length;
        }

        EncodeWord(piece[start..], start, scratch, tokens);
    }

    /// <summary>The end of the first word: blanks, and what stands before the next blank.</summary>
    private static int EndOfWord(ReadOnlySpan<char> piece)
    {
        int blanks = piece.IndexOfAnyExcept(BlankMark);
        int rest = blanks < 0 ? -1 : piece[blanks..].IndexOf(BlankMark);
        return rest < 0 ? piece.Length : blanks + rest;
    }

    private void EncodeWord(ReadOnlySpan<char> word, int start, EncodeScratch scratch, List<Token> tokens)
    {
        if (scratch.Cache.TryAppend(word, start, tokens))
        {
            return;
        }

        int first = tokens.Count;
        ReadOnlySpan<char> symbols = byteLevel ? MapBytes(word, scratch) : word;
        if (options.IgnoreMerges && Vocabulary.TryGetId(symbols, out int whole))
        {
            tokens.Add(new Token(whole, start, start + word.Length));
        }
        else
        {
            AddSymbols(symbols, byteLevel ? scratch.Places : [], start, scratch.Merges);
            scratch.Merges.Run(merges, tokens);
        }

        scratch.Cache.Add(word, start, CollectionsMarshal.AsSpan(tokens)[first..]);
    }

    private static ReadOnlySpan<char> MapBytes(ReadOnlySpan<char> piece, EncodeScratch scratch)
    {
        int most = System.Text.Encoding.UTF8.GetMaxByteCount(piece.Length);
        if (scratch.Characters.Length < most)
        {
            scratch.Characters = new char[most];
            scratch.Places = new (int, int)[most];
        }

        int length = 0, source = 0;
        Span<byte> bytes = stackalloc byte[4];
        foreach (Rune rune in piece.EnumerateRunes())
        {
            int count = rune.EncodeToUtf8(bytes);
            for (int i = 0; i < count; i++)
            {
                scratch.Places[length] = (source, source + rune.Utf16SequenceLength);
                scratch.Characters[length++] = ByteAlphabet.Characters[bytes[i]];
            }

            source += rune.Utf16SequenceLength;
        }

        return scratch.Characters.AsSpan(0, length);
    }

    /// <param name="symbols">The word as the vocabulary spells it.</param>
    /// <param name="places">The characters of the word that the units of <paramref name="symbols"/> are bytes of; empty where they are the
    /// word itself.</param>
    /// <param name="start">Where the word begins in its piece.</param>
    /// <param name="word">Gets the symbols.</param>
    private void AddSymbols(ReadOnlySpan<char> symbols, ReadOnlySpan<(int Start, int End)> places, int start, MergeQueue word)
    {
        word.Clear();
        (int Start, int End)? pendingUnknown = null;
        for (int index = 0, units; index < symbols.Length; index += units)
        {
            units = char.IsHighSurrogate(symbols[index]) ? 2 : 1;
            ReadOnlySpan<char> character = symbols.Slice(index, units);
            int id = units == 1 ? characters[character[0]] : Vocabulary.TryGetId(character, out int found) ? found : Absent;
            (int from, int to) = places.IsEmpty ? (index, index + units) : places[index];
            if (id != Absent)
            {
                FlushUnknown();
                word.Add(id, start + from, start + to);
            }
            else if (!TryAddBytes(character, start + from, start + to, word) && unknown != Absent)
            {
                // Bytes do not end a run of unknown characters: their token comes after the bytes, as in the original.
                if (!options.FuseUnknown)
                {
                    FlushUnknown();
                }

                pendingUnknown = (pendingUnknown?.Start ?? start + from, start + to);
            }
        }

        FlushUnknown();

        void FlushUnknown()
        {
            if (pendingUnknown is (int first, int end))
            {
                word.Add(unknown, first, end);
                pendingUnknown = null;
            }
        }
    }

    private bool TryAddBytes(ReadOnlySpan<char> character, int start, int end, MergeQueue word)
    {
        if (fallback?.Of(character) is not { } bytes)
        {
            return false;
        }

        foreach (int id in bytes)
        {
            word.Add(id, start, end);
        }

        return true;
    }

    private static List<(int Left, int Right, int Merged)> Resolve(Vocabulary vocabulary, IReadOnlyList<TokenPair> merges, string source)
    {
        List<(int Left, int Right, int Merged)> resolved = new(merges.Count);
        for (int rank = 0; rank < merges.Count; rank++)
        {
            (string left, string right) = merges[rank];
            resolved.Add((Id(left), Id(right), Id(left + right)));

            int Id(string token) => vocabulary.TryGetId(token, out int id)
                ? id
                : throw new InvalidDataException(
                    $"{source}: merge {rank} (\"{left}\" with \"{right}\") needs the token \"{token}\", which is not in the vocabulary; "
                        + "vocabulary and merges must come from one training.");
        }

        return resolved;
    }
}

/// <summary>Two tokens that a merge joins.</summary>
internal readonly record struct TokenPair(string Left, string Right);
