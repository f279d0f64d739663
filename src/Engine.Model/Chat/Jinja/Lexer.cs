using System.Globalization;
using System.Numerics;
using System.Text.RegularExpressions;

namespace Engine.Model.Chat.Jinja;

internal enum TokenKind
{
    Text,
    PrintBegin,
    PrintEnd,
    BlockBegin,
    BlockEnd,
    Name,
    String,
    Integer,
    Float,
    Operator,
    End,
}

/// <summary>A token; <see cref="Value"/> is the number of a number, else a text.</summary>
internal readonly record struct Token(TokenKind Kind, object Value, int Line)
{
    public string Text => (string)Value;

    public bool Is(TokenKind kind, string text) => Kind == kind && Text == text;

    public bool IsOperator(string text) => Is(TokenKind.Operator, text);

    public bool IsName(string text) => Is(TokenKind.Name, text);
}

/// <summary>
/// Splits a template into texts and the tokens of its tags; white space around tags is treated as <c>trim_blocks</c> and
/// <c>lstrip_blocks</c> ask.
/// </summary>
internal sealed partial class Lexer
{
    private readonly string source;
    private readonly List<Token> tokens = [];
    private int position;
    private int line = 1;
    private bool startsLine = true;

    private Lexer(string source) => this.source = source;

    public static List<Token> Tokens(string template)
    {
        string source = LineEnd().Replace(template, "\n");
        Lexer lexer = new(source.EndsWith('\n') ? source[..^1] : source);
        lexer.ReadAll();
        return lexer.tokens;
    }

    private void ReadAll()
    {
        while (position < source.Length)
        {
            int open = NextTag();
            if (open < 0)
            {
                AddText(source[position..], source.Length);
                break;
            }

            // A tag of raw, a comment, a block or a print.
            Match raw = RawBegin().Match(source, open);
            char sign = open + 2 < source.Length && source[open + 2] is '-' or '+' ? source[open + 2] : '\0';
            AddText(Stripped(source[position..open], sign, isPrint: source[open + 1] == '{'), open);
            if (raw.Success)
            {
                Advance(raw.Index + raw.Length);
                ReadRaw();
            }
            else if (source[open + 1] == '#')
            {
                Match end = CommentEnd().Match(source, open + 2);
                if (!end.Success)
                {
                    throw Fail("Missing end of comment tag");
                }

                Advance(end.Index + end.Length);
            }
            else
            {
                bool isPrint = source[open + 1] == '{';
                tokens.Add(new(isPrint ? TokenKind.PrintBegin : TokenKind.BlockBegin, "", line));
                Advance(open + (sign == '\0' ? 2 : 3));
                ReadTag(isPrint);
            }
        }

        tokens.Add(new(TokenKind.End, "", line));
    }

    private void ReadRaw()
    {
        Match end = RawEnd().Match(source, position);
        if (!end.Success)
        {
            throw Fail("Missing end of raw directive");
        }

        string sign = end.Groups[1].Value;
        AddText(Stripped(source[position..end.Index], sign.Length == 0 ? '\0' : sign[0], isPrint: false), end.Index);
        Advance(end.Index + end.Length);
    }

    private void ReadTag(bool isPrint)
    {
        Stack<char> open = [];
        Regex end = isPrint ? PrintEnd() : BlockEnd();
        while (true)
        {
            if (open.Count == 0 && end.Match(source, position) is { Success: true } closing)
            {
                tokens.Add(new(isPrint ? TokenKind.PrintEnd : TokenKind.BlockEnd, "", line));
                Advance(position + closing.Length);
                return;
            }

            if (position >= source.Length)
            {
                return;
            }

            if (char.IsWhiteSpace(source[position]))
            {
                Advance(position + 1);
                continue;
            }

            ReadToken(open);
        }
    }

    private void ReadToken(Stack<char> open)
    {
        Match match;
        if ((match = FloatNumber().Match(source, position)).Success)
        {
            string digits = match.Value.Replace("_", "", StringComparison.Ordinal);
            tokens.Add(new(TokenKind.Float, double.Parse(digits, CultureInfo.InvariantCulture), line));
        }
        else if ((match = IntegerNumber().Match(source, position)).Success)
        {
            tokens.Add(new(TokenKind.Integer, Integer(match.Value.Replace("_", "", StringComparison.Ordinal)), line));
        }
        else if ((match = Identifier().Match(source, position)).Success)
        {
            tokens.Add(new(TokenKind.Name, match.Value, line));
        }
        else if ((match = StringLiteral().Match(source, position)).Success)
        {
            tokens.Add(new(TokenKind.String, StringEscapes.Decode(match.Value[1..^1], line), line));
        }
        else if ((match = Operator().Match(source, position)).Success)
        {
            Balance(open, match.Value[0]);
            tokens.Add(new(TokenKind.Operator, match.Value, line));
        }
        else
        {
            throw Fail($"unexpected char '{source[position]}' at {position}");
        }

        Advance(position + match.Length);
    }

    private void Balance(Stack<char> open, char sign)
    {
        if (sign is '(' or '[' or '{')
        {
            open.Push(sign switch { '(' => ')', '[' => ']', _ => '}' });
        }
        else if (sign is ')' or ']' or '}')
        {
            if (open.Count == 0)
            {
                throw Fail($"unexpected '{sign}'");
            }

            char expected = open.Pop();
            if (sign != expected)
            {
                throw Fail($"unexpected '{sign}', expected '{expected}'");
            }
        }
    }

    private BigInteger Integer(string digits)
    {
        if (digits.Length > 4300)
        {
            throw Fail("an integer has more than 4300 digits");
        }

        int numberBase = digits.Length > 1 ? char.ToLowerInvariant(digits[1]) switch { 'x' => 16, 'o' => 8, 'b' => 2, _ => 10 } : 10;
        return numberBase == 10
            ? BigInteger.Parse(digits, CultureInfo.InvariantCulture)
            : digits[2..].Aggregate(BigInteger.Zero, (value, digit) => (value * numberBase) + Convert.ToInt32(digit.ToString(), 16));
    }

    /// <summary>
    /// The text before a tag: without blanks at its end where the tag has a minus, without an indent where a block or a comment starts the
    /// line.
    /// </summary>
    private string Stripped(string text, char sign, bool isPrint)
    {
        if (sign == '-')
        {
            return text.TrimEnd(PythonText.Whitespace);
        }

        int lineStart = text.LastIndexOf('\n') + 1;
        bool isIndent = sign != '+' && !isPrint && (lineStart > 0 || startsLine) && text.AsSpan(lineStart).IsWhiteSpace();
        return isIndent ? text[..lineStart] : text;
    }

    private void AddText(string text, int end)
    {
        if (text.Length > 0)
        {
            tokens.Add(new(TokenKind.Text, text, line));
        }

        Advance(end);
    }

    private int NextTag()
    {
        for (int i = source.IndexOf('{', position); i >= 0 && i + 1 < source.Length; i = source.IndexOf('{', i + 1))
        {
            if (source[i + 1] is '{' or '%' or '#')
            {
                return i;
            }
        }

        return -1;
    }

    private void Advance(int end)
    {
        line += source.AsSpan(position, end - position).Count('\n');
        startsLine = end > 0 && end > position ? source[end - 1] == '\n' : startsLine;
        position = end;
    }

    private JinjaException Fail(string message) => new(JinjaErrorKind.Syntax, message, line);

    [GeneratedRegex(@"\r\n|\r")]
    private static partial Regex LineEnd();

    [GeneratedRegex(@"\G\{%[-+]?\s*raw\s*(?:-%\}\s*|%\})")]
    private static partial Regex RawBegin();

    [GeneratedRegex(@"\{%([-+]?)\s*endraw\s*(?:\+%\}|-%\}\s*|%\}\n?)")]
    private static partial Regex RawEnd();

    [GeneratedRegex(@"\+#\}|-#\}\s*|#\}\n?")]
    private static partial Regex CommentEnd();

    [GeneratedRegex(@"\G(?:-\}\}\s*|\}\})")]
    private static partial Regex PrintEnd();

    [GeneratedRegex(@"\G(?:\+%\}|-%\}\s*|%\}\n?)")]
    private static partial Regex BlockEnd();

    [GeneratedRegex(@"\G(?<!\.)(?:[0-9]+_)*[0-9]+(?:(?:\.(?:[0-9]+_)*[0-9]+)?[eE][+\-]?(?:[0-9]+_)*[0-9]+|\.(?:[0-9]+_)*[0-9]+)")]
    private static partial Regex FloatNumber();

    [GeneratedRegex(@"\G(?:0[bB](?:_?[01])+|0[oO](?:_?[0-7])+|0[xX](?:_?[0-9a-fA-F])+|[1-9](?:_?[0-9])*|0(?:_?0)*)")]
    private static partial Regex IntegerNumber();

    [GeneratedRegex(@"\G[\p{L}\p{Nl}_][\w]*")]
    private static partial Regex Identifier();

    [GeneratedRegex("""\G(?:'[^'\\]*(?:\\.[^'\\]*)*'|"[^"\\]*(?:\\.[^"\\]*)*")""", RegexOptions.Singleline)]
    private static partial Regex StringLiteral();

    [GeneratedRegex(@"\G(?:\*\*|//|==|!=|>=|<=|[-+*/%~\[\](){}<>=.:|,;])")]
    private static partial Regex Operator();
}
