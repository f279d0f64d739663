using Engine.Tokenizers;

namespace Engine.Model.Chat;

/// <summary>The tokens of a text that is given in parts.</summary>
/// <param name="Ids">Token ids.</param>
/// <param name="IsAnswer">[tokens] Whether a token belongs to an answer.</param>
internal sealed record PartTokens(int[] Ids, bool[] IsAnswer);

/// <summary>
/// Encodes text in parts. The ids are those of the whole: ordinary parts between two special tokens are encoded as one text, so that a
/// part's end does not cut a token. A token over the seam of two parts belongs to the later one. Special tokens spelled out in ordinary
/// parts stay ordinary text.
/// </summary>
internal static class PartEncoding
{
    /// <summary>Bytes of a character in UTF-8, and so the most tokens that share one.</summary>
    private const int LongestCharacter = 4;

    /// <summary>Encodes the parts one after another; nothing is added around them.</summary>
    public static PartTokens Encode(Tokenizer tokenizer, IReadOnlyList<TextPart> parts)
    {
        List<int> ids = [];
        List<bool> isAnswer = [];
        for (int index = 0; index < parts.Count;)
        {
            if (parts[index].SpecialId is { } special)
            {
                ids.Add(special);
                isAnswer.Add(parts[index++].IsAnswer);
                continue;
            }

            int end = index;
            while (end < parts.Count && parts[end].SpecialId is null)
            {
                end++;
            }

            AddRun(tokenizer, [.. parts.Skip(index).Take(end - index)], startsText: ids.Count == 0, ids, isAnswer);
            index = end;
        }

        return new PartTokens([.. ids], [.. isAnswer]);
    }

    private static void AddRun(Tokenizer tokenizer, TextPart[] run, bool startsText, List<int> ids, List<bool> isAnswer)
    {
        string text = string.Concat(run.Select(part => part.Text));
        int[] whole = tokenizer.EncodePart(text, startsText);
        bool[] marks = new bool[whole.Length];
        int start = 0, read = 0;
        for (int i = 0; i < run.Length; i++)
        {
            read += run[i].Text.Length;
            int end = i + 1 == run.Length ? whole.Length : Math.Max(start, TokensWithin(tokenizer, whole, text[..read], startsText));
            marks.AsSpan(start, end - start).Fill(run[i].IsAnswer);
            start = end;
        }

        ids.AddRange(whole);
        isAnswer.AddRange(marks);
    }

    /// <summary>How many of the first tokens of a text lie within its first characters.</summary>
    private static int TokensWithin(Tokenizer tokenizer, int[] whole, string first, bool startsText)
    {
        int[] alone = tokenizer.EncodePart(first, startsText);
        int count = whole.AsSpan().CommonPrefixLength(alone);
        if (count == alone.Length)
        {
            return count;
        }

        // The text goes on without a seam where tokens could part, and what follows changed the last tokens: go by the text that tokens
        // stand for, from a few common ones on, so that a character is whole whose first bytes are theirs.
        int start = Math.Max(0, count - LongestCharacter);
        string text = tokenizer.Decode(alone.AsSpan(start).ToArray());
        for (int more = count + 1; more <= whole.Length; more++)
        {
            string decoded = tokenizer.Decode(whole.AsSpan(start, more - start).ToArray());
            if (decoded.Length > text.Length)
            {
                break;
            }

            count = text.StartsWith(decoded, StringComparison.Ordinal) ? more : count;
        }

        return count;
    }
}
