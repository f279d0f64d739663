namespace Engine.Cli.Console;

/// <summary>Words of a command that is printed to be typed again.</summary>
internal static class ShellWord
{
    private const string Harmless = "=._-/:,", ReadBetweenDoubleQuotes = "\"$`\\!";

    /// <summary>A word as a shell takes it whole: bare where it can be, else between double quotes, else between single ones.</summary>
    public static string Quoted(string word)
    {
        if (word.Length > 0 && word.All(letter => char.IsLetterOrDigit(letter) || Harmless.Contains(letter, StringComparison.Ordinal)))
        {
            return word;
        }

        return word.AsSpan().ContainsAny(ReadBetweenDoubleQuotes)
            ? $"'{word.Replace("'", "'\\''", StringComparison.Ordinal)}'"
            : $"\"{word}\"";
    }
}
