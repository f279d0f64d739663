using System.Buffers;
using System.Text;
using Engine.Tokenizers;

namespace Engine.Model.Chat;

/// <summary>
/// Keeps texts that go through a template from becoming special tokens: the special tokens of a rendering are those that the template
/// printed. A character that no text has (Unicode keeps it for the use of programs) is put into what a text spells out, and taken away once
/// the rendering is cut at its special tokens.
/// </summary>
internal sealed class TextGuard
{
    private const char Mark = '\uFDD0';

    private readonly Tokenizer tokenizer;
    private readonly string[] special;
    private readonly SearchValues<char> firsts;
    private readonly int longest;

    public TextGuard(Tokenizer tokenizer)
    {
        this.tokenizer = tokenizer;
        special = [.. tokenizer.SpecialTokenTexts.Select(token => token.Content).Distinct()];
        firsts = SearchValues.Create([.. special.Select(token => token[0]).Distinct()]);
        longest = special.Select(token => token.Length).DefaultIfEmpty().Max();
    }

    /// <summary>
    /// The text with a mark in each special token that is spelled out, and behind the beginning of one at its end, which what follows could
    /// complete.
    /// </summary>
    public string Guarded(string text)
    {
        if (!text.AsSpan().ContainsAny(firsts))
        {
            return text;
        }

        StringBuilder? guarded = null;
        int done = 0;
        foreach (TextSegment segment in tokenizer.SplitSpecial(text).Where(segment => segment.Token is not null))
        {
            // A token may take white space before it along.
            int first = text.IndexOf(segment.Token!.Content, segment.Start, StringComparison.Ordinal);
            (guarded ??= new()).Append(text, done, first + 1 - done).Append(Mark);
            done = first + 1;
        }

        string result = guarded is null ? text : guarded.Append(text, done, text.Length - done).ToString();
        return EndsWithBeginning(text) ? result + Mark : result;
    }

    /// <summary>The text as it was given.</summary>
    public static string Unguarded(string text) => text.Contains(Mark) ? text.Replace(Mark.ToString(), "", StringComparison.Ordinal) : text;

    private bool EndsWithBeginning(string text)
    {
        ReadOnlySpan<char> end = text.AsSpan(Math.Max(0, text.Length - longest));
        for (int at; (at = end.IndexOfAny(firsts)) >= 0; end = end[(at + 1)..])
        {
            ReadOnlySpan<char> beginning = end[at..];
            foreach (string token in special)
            {
                if (token.Length > beginning.Length && token.AsSpan().StartsWith(beginning, StringComparison.Ordinal))
                {
                    return true;
                }
            }
        }

        return false;
    }
}
