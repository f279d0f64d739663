namespace Engine.Tokenizers;

/// <summary>
/// Finds the end of the match of a split pattern that starts at <paramref name="start"/>; these patterns match everywhere.
/// </summary>
internal delegate int PieceScanner(ReadOnlySpan<char> text, int start);

/// <summary>Hand-written scanners for the split patterns of published byte-level tokenizers.</summary>
internal static class SplitPattern
{
    /// <summary>The pattern of GPT-2, RoBERTa and everything whose <c>ByteLevel</c> pre-tokenizer says <c>use_regex</c>.</summary>
    public const string Gpt2 = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

    /// <summary>The pattern of Qwen2, Qwen2.5 and Qwen3: single digits.</summary>
    public const string Qwen2 =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>The pattern of Llama 3: up to three digits.</summary>
    public const string Llama3 =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>The scanner of a pattern, or null for a pattern that has none.</summary>
    public static PieceScanner? Find(string pattern) => pattern switch
    {
        Gpt2 => ScanGpt2,
        Qwen2 => ScanQwen2,
        Llama3 => ScanLlama3,
        _ => null,
    };

    public static int ScanGpt2(ReadOnlySpan<char> text, int start)
    {
        char unit = text[start];
        if (unit == '\'')
        {
            int contraction = Contraction(text, start, ignoreCase: false);
            if (contraction > 0)
            {
                return contraction;
            }
        }

        int body = unit == ' ' && start + 1 < text.Length ? start + 1 : start;
        CharacterClass bodyClass = CharacterClasses.At(text, body, out int units);
        return bodyClass == CharacterClass.Space
            ? EndOfBlank(text, start)
            : CharacterClasses.EndOfRun(text, body + units, bodyClass);
    }

    public static int ScanQwen2(ReadOnlySpan<char> text, int start) => ScanCl100k(text, start, maxDigits: 1);

    public static int ScanLlama3(ReadOnlySpan<char> text, int start) => ScanCl100k(text, start, maxDigits: 3);

    private static int ScanCl100k(ReadOnlySpan<char> text, int start, int maxDigits)
    {
        char unit = text[start];
        if (unit == '\'')
        {
            int contraction = Contraction(text, start, ignoreCase: true);
            if (contraction > 0)
            {
                return contraction;
            }
        }

        CharacterClass first = CharacterClasses.At(text, start, out int units);
        int second = start + units;
        if (first == CharacterClass.Letter)
        {
            return CharacterClasses.EndOfRun(text, second, CharacterClass.Letter);
        }

        if (first == CharacterClass.Number)
        {
            return CharacterClasses.EndOfRun(text, second, CharacterClass.Number, maxDigits - 1);
        }

        CharacterClass next = second < text.Length ? CharacterClasses.At(text, second, out _) : CharacterClass.Space;
        if (next == CharacterClass.Letter && unit is not ('\r' or '\n'))
        {
            return CharacterClasses.EndOfRun(text, second, CharacterClass.Letter);
        }

        if (first == CharacterClass.Other || (unit == ' ' && next == CharacterClass.Other))
        {
            int end = CharacterClasses.EndOfRun(text, second, CharacterClass.Other);
            while (end < text.Length && text[end] is '\r' or '\n')
            {
                end++;
            }

            return end;
        }

        int blankEnd = CharacterClasses.EndOfRun(text, start, CharacterClass.Space);
        int lineEnd = text[start..blankEnd].LastIndexOfAny('\r', '\n');
        return lineEnd >= 0 ? start + lineEnd + 1 : EndOfBlank(text, start);
    }

    /// <summary><c>\s+(?!\S)|\s+</c>: white space gives its last character to what follows it, unless that is all there is.</summary>
    private static int EndOfBlank(ReadOnlySpan<char> text, int start)
    {
        int end = CharacterClasses.EndOfRun(text, start, CharacterClass.Space);
        return end < text.Length && end - start > 1 ? end - 1 : end;
    }

    /// <summary>The end of <c>'s|'t|'re|'ve|'m|'ll|'d</c> at an apostrophe, or 0.</summary>
    private static int Contraction(ReadOnlySpan<char> text, int start, bool ignoreCase)
    {
        char first = Letter(text, start + 1, ignoreCase);
        if (first is 's' or 't' or 'm' or 'd')
        {
            return start + 2;
        }

        char second = Letter(text, start + 2, ignoreCase);
        return (first, second) is ('r', 'e') or ('v', 'e') or ('l', 'l') ? start + 3 : 0;
    }

    private static char Letter(ReadOnlySpan<char> text, int index, bool ignoreCase)
    {
        if (index >= text.Length)
        {
            return '\0';
        }

        char unit = text[index];
        if (!ignoreCase)
        {
            return unit;
        }

        // The long s folds to s; no other letter outside ASCII folds to a letter of the contractions.
        return unit == '\u017F' ? 's' : unit is >= 'A' and <= 'Z' ? (char)(unit | 0x20) : unit;
    }
}
