namespace Engine.Model.Chat.Jinja;

/// <summary>Escapes for HTML as MarkupSafe does.</summary>
internal static class HtmlEscape
{
    /// <summary>The escaped text of a value; what counts as escaped stays.</summary>
    public static string Of(object? value) => value is JinjaMarkup markup ? markup.Text : OfText(PythonText.Text(value));

    public static string OfText(string text) => text
        .Replace("&", "&amp;", StringComparison.Ordinal)
        .Replace(">", "&gt;", StringComparison.Ordinal)
        .Replace("<", "&lt;", StringComparison.Ordinal)
        .Replace("'", "&#39;", StringComparison.Ordinal)
        .Replace("\"", "&#34;", StringComparison.Ordinal);
}
