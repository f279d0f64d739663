using System.Buffers;
using System.Text;

namespace Engine.Tokenizers;

/// <summary>A part of a text: an added token, or (<paramref name="Token"/> null) what lies between.</summary>
internal readonly record struct TextSegment(int Start, int End, AddedToken? Token)
{
    /// <summary>Where a token's own text begins, behind the white space that it takes along.</summary>
    public int ContentStart(string text) => Token is null ? Start : text.IndexOf(Token.Content, Start, StringComparison.Ordinal);
}

/// <summary>Finds added tokens in a text: the leftmost first, of those that start at one place the longest.</summary>
internal sealed class AddedTokenMatcher
{
    private readonly Dictionary<char, (string Pattern, AddedToken Token)[]> byFirst;
    private readonly SearchValues<char> firsts;

    /// <param name="patterns">What to look for; of equal texts the first counts.</param>
    public AddedTokenMatcher(IEnumerable<(string Pattern, AddedToken Token)> patterns)
    {
        byFirst = patterns.DistinctBy(entry => entry.Pattern).GroupBy(entry => entry.Pattern[0])
            .ToDictionary(group => group.Key, group => group.OrderByDescending(entry => entry.Pattern.Length).ToArray());
        firsts = SearchValues.Create([.. byFirst.Keys]);
    }

    /// <summary>Cuts a text into added tokens and what lies between; parts that would be empty are left out.</summary>
    public void Split(string text, List<TextSegment> segments)
    {
        int done = 0, searched = 0;
        while (Find(text, searched, out int start, out int end, out AddedToken? token))
        {
            searched = end;
            if (token.SingleWord && (EndsWithWord(text.AsSpan(0, start)) || StartsWithWord(text.AsSpan(end))))
            {
                continue;
            }

            if (token.LStrip)
            {
                start = Math.Max(text.AsSpan(0, start).TrimEnd().Length, done);
            }

            if (token.RStrip)
            {
                end = text.Length - text.AsSpan(end).TrimStart().Length;
            }

            if (done < start)
            {
                segments.Add(new TextSegment(done, start, null));
            }

            segments.Add(new TextSegment(start, end, token));
            done = end;
        }

        if (done < text.Length)
        {
            segments.Add(new TextSegment(done, text.Length, null));
        }
    }

    private bool Find(
        string text, int from, out int start, out int end, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out AddedToken? token)
    {
        start = from;
        while (text.AsSpan(start).IndexOfAny(firsts) is var offset and >= 0)
        {
            start += offset;
            foreach ((string pattern, AddedToken candidate) in byFirst[text[start]])
            {
                if (text.AsSpan(start).StartsWith(pattern, StringComparison.Ordinal))
                {
                    end = start + pattern.Length;
                    token = candidate;
                    return true;
                }
            }

            start++;
        }

        end = start;
        token = null;
        return false;
    }

    private static bool EndsWithWord(ReadOnlySpan<char> text) =>
        Rune.DecodeLastFromUtf16(text, out Rune rune, out _) == OperationStatus.Done && CharacterClasses.IsWord(rune);

    private static bool StartsWithWord(ReadOnlySpan<char> text) =>
        Rune.DecodeFromUtf16(text, out Rune rune, out _) == OperationStatus.Done && CharacterClasses.IsWord(rune);
}
