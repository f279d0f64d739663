using System.Text;

namespace Engine.Tokenizers;

/// <summary><c>Sequence</c>: one normalizer after the other.</summary>
internal sealed class SequenceNormalizer(IReadOnlyList<INormalizer> normalizers) : INormalizer
{
    public void Normalize(AlignedText text)
    {
        foreach (INormalizer normalizer in normalizers)
        {
            normalizer.Normalize(text);
        }
    }
}

/// <summary><c>NFC</c>, <c>NFD</c>, <c>NFKC</c>, <c>NFKD</c>.</summary>
internal sealed class UnicodeFormNormalizer(NormalizationForm form) : INormalizer
{
    public void Normalize(AlignedText text) => UnicodeNormalization.Normalize(text, form);
}

/// <summary><c>Prepend</c>: puts a text before any text that is not empty.</summary>
internal sealed class PrependNormalizer(string prefix) : INormalizer
{
    public void Normalize(AlignedText text)
    {
        if (text.Text.Length > 0)
        {
            text.Prepend(prefix);
        }
    }
}

/// <summary><c>Replace</c> of a literal text.</summary>
internal sealed class ReplaceNormalizer(string pattern, string content) : INormalizer
{
    public void Normalize(AlignedText text) => text.Replace(pattern, content);
}

/// <summary><c>Replace</c> of runs of at least two blanks.</summary>
internal sealed class BlankRunsNormalizer(string content) : INormalizer
{
    /// <summary>The regular expression that this is.</summary>
    public const string Pattern = " {2,}";

    public void Normalize(AlignedText text)
    {
        if (!text.Text.Contains("  ", StringComparison.Ordinal))
        {
            return;
        }

        TextRewriter output = new(text);
        int done = 0;
        while (text.Text.IndexOf("  ", done, StringComparison.Ordinal) is var start and >= 0)
        {
            int length = text.Text.AsSpan(start).IndexOfAnyExcept(' ');
            output.Keep(done, start);
            done = length < 0 ? text.Text.Length : start + length;
            output.Append(content, done - 1);
        }

        output.Keep(done, text.Text.Length);
        output.Apply();
    }
}

/// <summary><c>Strip</c>: removes white space at the ends.</summary>
internal sealed class StripNormalizer(bool left, bool right) : INormalizer
{
    public void Normalize(AlignedText text)
    {
        int start = left ? text.Text.Length - text.Text.AsSpan().TrimStart().Length : 0;
        int end = right ? text.Text.AsSpan(start).TrimEnd().Length + start : text.Text.Length;
        text.Keep(start, end - start);
    }
}
