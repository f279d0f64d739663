namespace Engine.Tokenizers;

/// <summary>
/// <c>trim_offsets</c> of a ByteLevel or Roberta post-processor: places leave out the blanks that a token begins or ends with, but for the
/// one blank that <c>add_prefix_space</c> put before a text.
/// </summary>
internal sealed record OffsetTrimming(bool AddPrefixSpace)
{
    /// <param name="tokens">The tokens of a text, changed in place.</param>
    /// <param name="given">The text.</param>
    /// <param name="spelling">How the vocabulary spells a token, or the text of an added one.</param>
    public void Apply(List<Token> tokens, string given, Func<Token, string> spelling)
    {
        for (int i = 0; i < tokens.Count; i++)
        {
            (int id, int start, int end) = tokens[i];
            ReadOnlySpan<char> text = spelling(tokens[i]);
            int leading = 0, trailing = 0;
            while (leading < text.Length && IsBlank(text[leading]))
            {
                leading++;
            }

            while (trailing < text.Length && IsBlank(text[^(trailing + 1)]))
            {
                trailing++;
            }

            leading = AddPrefixSpace && leading == 1 && (i == 0 || start == 0) ? 0 : leading;
            // A blank that was put before a text stands for the text's first character, whatever that is.
            for (; leading > 0 && start < end; leading--)
            {
                start += char.IsHighSurrogate(given[start]) ? 2 : 1;
            }

            for (; trailing > 0 && start < end; trailing--)
            {
                end -= char.IsLowSurrogate(given[end - 1]) ? 2 : 1;
            }

            tokens[i] = new Token(id, start, end);
        }
    }

    private static bool IsBlank(char unit) => unit == ByteAlphabet.Characters[' '] || char.IsWhiteSpace(unit);
}
