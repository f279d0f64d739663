using System.Text;
using System.Text.RegularExpressions;

namespace Engine.Model.Chat;

/// <summary>
/// Brings the text of a Jinja template into a form in which spellings that print the same are the same: white space that prints nothing, the kind of
/// quotes, <c>a.b</c> for <c>a['b']</c>, and literals printed in one piece or in several. White space is read as Transformers sets Jinja up: <c>trim_blocks</c> and <c>lstrip_blocks</c>.
/// </summary>
internal static partial class JinjaNormalForm
{
    /// <summary>The normal form; null where a tag is not closed.</summary>
    public static string? Of(string template)
    {
        // Jinja drops the line end of the last line.
        string source = template.ReplaceLineEndings("\n");
        source = source.EndsWith('\n') ? source[..^1] : source;
        StringBuilder form = new();
        int index = 0;
        bool afterBlock = false, trimsStart = false;
        while (true)
        {
            int open = NextTag(source, index);
            string text = source[index..open];
            bool isLast = open == source.Length;
            bool isPrint = !isLast && source[open + 1] == '{';
            text = trimsStart ? text.TrimStart() : afterBlock && text.StartsWith('\n') ? text[1..] : text;
            text = !isLast && source.AsSpan(open).Length > 2 && source[open + 2] == '-' ? text.TrimEnd() : !isLast && !isPrint ? WithoutIndent(text, index == 0 || afterBlock) : text;
            if (text.Length > 0)
            {
                Print(form, Literal(text));
            }

            if (isLast)
            {
                return form.ToString();
            }

            int close = CloseOf(source, open);
            if (close < 0)
            {
                return null;
            }

            string inside = source[(open + 2)..close];
            trimsStart = inside.EndsWith('-');
            afterBlock = !isPrint;
            inside = inside.Trim('-', '+').Trim();
            if (isPrint)
            {
                Print(form, Expression(inside));
            }
            else if (source[open + 1] == '%')
            {
                form.Append("{%").Append(Expression(inside)).Append("%}");
            }

            index = close + 2;
        }
    }

    private static int NextTag(string source, int from)
    {
        for (int i = from; i + 1 < source.Length; i++)
        {
            if (source[i] == '{' && source[i + 1] is '{' or '%' or '#')
            {
                return i;
            }
        }

        return source.Length;
    }

    /// <summary>Where the tag that opens at <paramref name="open"/> closes, quotes skipped; -1: nowhere.</summary>
    private static int CloseOf(string source, int open)
    {
        char kind = source[open + 1];
        string close = kind switch { '{' => "}}", '%' => "%}", _ => "#}" };
        char quote = '\0';
        for (int i = open + 2; i + 1 < source.Length; i++)
        {
            if (quote != '\0')
            {
                if (source[i] == '\\')
                {
                    i++;
                }
                else if (source[i] == quote)
                {
                    quote = '\0';
                }
            }
            else if (kind != '#' && source[i] is '\'' or '"')
            {
                quote = source[i];
            }
            else if (string.CompareOrdinal(source, i, close, 0, 2) == 0)
            {
                return i;
            }
        }

        return -1;
    }

    /// <summary>The blanks before a block at the start of its line print nothing.</summary>
    private static string WithoutIndent(string text, bool startsLine)
    {
        string kept = text.TrimEnd(' ', '\t');
        return kept.EndsWith('\n') || (kept.Length == 0 && startsLine) ? kept : text;
    }

    /// <summary>Prints an expression; what two tags print one after the other is what their sum prints.</summary>
    private static void Print(StringBuilder form, string expression)
    {
        string before = form.ToString();
        if (!before.EndsWith("}}", StringComparison.Ordinal))
        {
            form.Append("{{").Append(expression).Append("}}");
            return;
        }

        form.Length -= 2;
        int sum = before.LastIndexOf("{{", StringComparison.Ordinal) + 2;
        string joined = JoinedLiterals().Replace($"{before[sum..^2]}+{expression}", "");
        form.Length = sum;
        form.Append(joined).Append("}}");
    }

    private static string Expression(string inside)
    {
        StringBuilder result = new();
        for (int i = 0; i < inside.Length; i++)
        {
            char unit = inside[i];
            if (unit is '\'' or '"')
            {
                int end = i + 1;
                while (end < inside.Length && inside[end] != unit)
                {
                    end += inside[end] == '\\' ? 2 : 1;
                }

                result.Append(Literal(Unescape(inside[(i + 1)..Math.Min(end, inside.Length)])));
                i = end;
            }
            else if (!char.IsWhiteSpace(unit))
            {
                result.Append(unit);
            }
            else if (result.Length > 0 && char.IsLetterOrDigit(result[^1]) && i + 1 < inside.Length && (char.IsLetterOrDigit(inside[i + 1]) || inside[i + 1] == '_'))
            {
                result.Append(' ');
            }
        }

        string members = Member().Replace(result.ToString(), "$1['$2']").Replace("] ", "]", StringComparison.Ordinal);
        return JoinedLiterals().Replace(members, "");
    }

    private static string Literal(string text) =>
        $"'{text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("'", "\\'", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal)}'";

    /// <summary>The text of a literal.</summary>
    public static string Unescape(string literal) =>
        Escape().Replace(literal, match => match.Groups[1].Value switch { "n" => "\n", "t" => "\t", var other => other });

    /// <summary>The seam between two literals that are added: everything before it ends in a quote that is not escaped.</summary>
    [GeneratedRegex(@"(?<=(?:[^\\]|^)(?:\\\\)*)'\+'")]
    private static partial Regex JoinedLiterals();

    [GeneratedRegex(@"\b(message|loop)\.(\w+)\b(?!\()")]
    private static partial Regex Member();

    [GeneratedRegex(@"\\(.)", RegexOptions.Singleline)]
    private static partial Regex Escape();
}
