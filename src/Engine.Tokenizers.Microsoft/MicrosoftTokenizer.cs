using System.Buffers;
using System.Globalization;
using Microsoft.ML.Tokenizers;

namespace Engine.Tokenizers;

/// <summary>What <see cref="MicrosoftTokenizerExtensions.AsMicrosoftTokenizer"/> makes.</summary>
internal sealed class MicrosoftTokenizer : global::Microsoft.ML.Tokenizers.Tokenizer
{
    private readonly Tokenizer tokenizer;
    private readonly bool skipSpecialTokens;
    private readonly int[] before = [], after = [];

    public MicrosoftTokenizer(Tokenizer tokenizer, bool addSpecialTokens, bool skipSpecialTokens)
    {
        this.tokenizer = tokenizer;
        this.skipSpecialTokens = skipSpecialTokens;
        if (addSpecialTokens)
        {
            (before, after) = tokenizer.SpecialTokensAround();
        }
    }

    public override string Decode(IEnumerable<int> ids) => tokenizer.Decode(ids, skipSpecialTokens);

    /// <summary>
    /// Decodes what fits: after <see cref="OperationStatus.DestinationTooSmall"/> whole characters of the first
    /// <paramref name="idsConsumed"/> ids are written.
    /// </summary>
    /// <returns><see cref="OperationStatus.InvalidData"/> at an id that has no token.</returns>
    public override OperationStatus Decode(IEnumerable<int> ids, Span<char> destination, out int idsConsumed, out int charsWritten)
    {
        ArgumentNullException.ThrowIfNull(ids);
        idsConsumed = charsWritten = 0;
        StreamingDecoder stream = tokenizer.CreateStream(skipSpecialTokens);
        int read = 0;
        foreach (int id in ids)
        {
            if (tokenizer.IdToToken(id) is null)
            {
                return OperationStatus.InvalidData;
            }

            read++;
            string text = stream.Add(id);
            if (!text.TryCopyTo(destination[charsWritten..]))
            {
                return OperationStatus.DestinationTooSmall;
            }

            // A token without text of its own may wait for the rest of its character.
            if (text.Length > 0)
            {
                charsWritten += text.Length;
                idsConsumed = read;
            }
        }

        string rest = stream.Flush();
        if (!rest.TryCopyTo(destination[charsWritten..]))
        {
            return OperationStatus.DestinationTooSmall;
        }

        charsWritten += rest.Length;
        idsConsumed = read;
        return OperationStatus.Done;
    }

    protected override EncodeResults<EncodedToken> EncodeToTokens(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        string given = text ?? textSpan.ToString();
        Encoding encoding = tokenizer.Encode(given, Options(settings) with { Offsets = true });
        Cut cut = Fit(given, encoding.Length, settings, fromEnd: false);
        List<EncodedToken> tokens = [];
        if (cut.HasRoom)
        {
            tokens.AddRange(before.Select(id => Token(id, default)));
            tokens.AddRange(Enumerable.Range(0, cut.End).Select(i => Token(encoding.Ids[i], encoding.Offsets![i])));
            tokens.AddRange(after.Select(id => Token(id, default)));
        }

        return new EncodeResults<EncodedToken> { Tokens = tokens, CharsConsumed = cut.Index };

        EncodedToken Token(int id, TokenOffset offset) => new(id, tokenizer.IdToToken(id)!, offset.Start..offset.End);
    }

    protected override EncodeResults<int> EncodeToIds(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        string given = text ?? textSpan.ToString();
        int[] ids = tokenizer.Encode(given, Options(settings)).Ids;
        Cut cut = Fit(given, ids.Length, settings, fromEnd: false);
        return new EncodeResults<int>
        {
            Tokens = cut.HasRoom ? [.. before, .. ids.AsSpan(0, cut.End), .. after] : [],
            CharsConsumed = cut.Index
        };
    }

    protected override int CountTokens(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        string given = text ?? textSpan.ToString();
        return Count(Fit(given, tokenizer.Encode(given, Options(settings)).Length, settings, fromEnd: false));
    }

    protected override int GetIndexByTokenCount(
        string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings, bool fromEnd, out string? normalizedText, out int tokenCount)
    {
        string given = text ?? textSpan.ToString();
        Cut cut = Fit(given, tokenizer.Encode(given, Options(settings)).Length, settings, fromEnd);
        normalizedText = null;
        tokenCount = Count(cut);
        return cut.Index;
    }

    private static EncodeOptions Options(EncodeSettings settings) => new()
    {
        AddSpecialTokens = false,
        Normalize = settings.ConsiderNormalization,
        PreTokenize = settings.ConsiderPreTokenization,
    };

    private int Count(Cut cut) => cut.HasRoom ? before.Length + (cut.End - cut.First) + after.Length : 0;

    /// <summary>Which of a text's tokens there is room for, and where in the text they end, or begin.</summary>
    private Cut Fit(string text, int count, EncodeSettings settings, bool fromEnd)
    {
        int room = settings.MaxTokenCount - before.Length - after.Length;
        if (room < 0)
        {
            return new Cut(false, 0, 0, fromEnd ? text.Length : 0);
        }

        if (count <= room)
        {
            return new Cut(true, 0, count, fromEnd ? 0 : text.Length);
        }

        // A blank that a token begins with is cut off with it.
        TokenOffset[] places = tokenizer.Encode(text, Options(settings) with { Offsets = true, TrimOffsets = false }).Offsets!;
        int first = fromEnd ? count - room : 0, end = fromEnd ? count : room;
        while (fromEnd && first < end && SplitsCharacter(first))
        {
            first++;
        }

        while (!fromEnd && end > 0 && SplitsCharacter(end))
        {
            end--;
        }

        int index = fromEnd ? (first < end ? places[first].Start : text.Length) : end > 0 ? EndOfMarks(text, places[end - 1].End) : 0;
        return new Cut(true, first, end, index);

        bool SplitsCharacter(int token) => places[token - 1].End > places[token].Start;
    }

    /// <summary>Marks go with the letter that a normalizer composes them with, or strips them from.</summary>
    private static int EndOfMarks(string text, int index)
    {
        while (index < text.Length && CharUnicodeInfo.GetUnicodeCategory(text, index) == UnicodeCategory.NonSpacingMark)
        {
            index += char.IsHighSurrogate(text[index]) ? 2 : 1;
        }

        return index;
    }

    /// <param name="HasRoom">Whether the special tokens fit.</param>
    /// <param name="First">The first of the text's tokens that fit.</param>
    /// <param name="End">The one after the last.</param>
    /// <param name="Index">Where the text of the first begins, counting from the end, and else where that of the last ends.</param>
    private readonly record struct Cut(bool HasRoom, int First, int End, int Index);
}
