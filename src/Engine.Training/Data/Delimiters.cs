namespace Engine.Training.Data;

/// <summary>Characters between the columns of a table, as users write them and as messages call them.</summary>
internal static class Delimiters
{
    /// <summary>What a delimiter is written as: one character, or <c>\t</c>; null where it is neither, or cannot part columns.</summary>
    public static char? Parse(string text) => text switch
    {
        "\\t" => '\t',
        [not ('"' or '\r' or '\n') and var character] => character,
        _ => null,
    };

    /// <summary>What a sentence calls one.</summary>
    internal static string NameOf(char delimiter) => delimiter switch
    {
        '\t' => "tab",
        ',' => "comma",
        ';' => "semicolon",
        _ => $"'{delimiter}'",
    };
}
