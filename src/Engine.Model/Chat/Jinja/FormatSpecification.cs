using System.Globalization;
using System.Numerics;
using System.Text.RegularExpressions;

namespace Engine.Model.Chat.Jinja;

/// <summary>How one value is laid out: what stands after the colon of <c>{:>8.2f}</c>, or in <c>%8.2f</c>.</summary>
internal sealed partial record FormatSpecification(
    char Fill, char Align, char Sign, bool HasPrefix, int Width, char Grouping, int? Precision, char Code)
{
    private const int MaxDigits = 10_000;

    public static FormatSpecification Parse(string text)
    {
        Match match = Pattern().Match(text);
        if (!match.Success)
        {
            throw JinjaException.Value("Invalid format specifier");
        }

        char Letter(string group, char otherwise = '\0') => match.Groups[group].Length > 0 ? match.Groups[group].Value[0] : otherwise;
        bool padsZeros = match.Groups["zero"].Length > 0;
        int? precision = match.Groups["precision"].Success ? Number(match.Groups["precision"].Value) : null;
        return new(
            Letter("fill", padsZeros ? '0' : ' '), Letter("align", padsZeros ? '0' : '\0'), Letter("sign"),
            match.Groups["prefix"].Length > 0,
            Number(match.Groups["width"].Value), Letter("grouping"), precision, Letter("code"));
    }

    /// <summary>As <c>format(value, specification)</c> has it.</summary>
    public string Apply(object? value)
    {
        if (PythonValues.AsInteger(value) is { } number && Code is '\0' or 'd' or 'n' or 'x' or 'X' or 'o' or 'b' or 'c')
        {
            return Precision is null ? Number(number) : throw JinjaException.Value("Precision not allowed in integer format specifier");
        }

        if (PythonValues.AsDouble(value) is { } real)
        {
            return Number(real);
        }

        string text = PythonText.AsString(value)
            ?? throw JinjaException.Type($"unsupported format string passed to {PythonText.TypeName(value)}.__format__");
        return Code is '\0' or 's' && Align != '=' && Sign == '\0'
            ? Pad(Precision is { } most ? PythonSlices.Slice(text, 0, most) : text, '<')
            : throw WrongType(value);
    }

    /// <summary>An integer, in the code's base.</summary>
    public string Number(BigInteger value)
    {
        BigInteger size = BigInteger.Abs(value);
        string digits = Code switch
        {
            'x' => size.ToString("x", CultureInfo.InvariantCulture).TrimStart('0').PadLeft(1, '0'),
            'X' => size.ToString("X", CultureInfo.InvariantCulture).TrimStart('0').PadLeft(1, '0'),
            'o' => InBase(size, 8),
            'b' => InBase(size, 2),
            'c' => Character(value),
            _ => size.ToString(CultureInfo.InvariantCulture),
        };
        string prefix = HasPrefix && Code is 'x' or 'X' or 'o' or 'b' ? $"0{Code}" : "";
        return Code == 'c' ? Pad(digits, '<') : Signed(value.Sign < 0, prefix, Grouped(digits));
    }

    public string Number(double value)
    {
        int precision = Math.Min(Precision ?? 6, MaxDigits);
        string text = char.ToLowerInvariant(Code) switch
        {
            'f' => PythonNumbers.Fixed(value, precision),
            'e' => PythonNumbers.Scientific(value, precision),
            'g' or 'n' => PythonNumbers.General(value, precision),
            '%' => $"{PythonNumbers.Fixed(value * 100, precision)}%",
            '\0' when Precision is null => PythonText.Number(value),
            '\0' => WithPoint(PythonNumbers.General(value, precision)),
            _ => throw WrongType(value),
        };
        text = char.IsUpper(Code) ? text.ToUpperInvariant() : text;
        string digits = text.TrimStart('-');
        int whole = digits.TakeWhile(char.IsAsciiDigit).Count();
        return Signed(text.StartsWith('-'), "", Grouped(digits[..whole]) + digits[whole..]);
    }

    /// <summary>A text with what fills it up to the width.</summary>
    public string Pad(string text, char usual)
    {
        int missing = Width - PythonText.Length(text);
        if (missing <= 0)
        {
            return text;
        }

        Limits.CheckLength(Width);
        int left = (Align is '\0' or '0' ? usual : Align) switch { '<' => 0, '^' => missing / 2, _ => missing };
        return new string(Fill, left) + text + new string(Fill, missing - left);
    }

    private static int Number(string digits) =>
        digits.Length == 0 ? 0 : int.TryParse(digits, CultureInfo.InvariantCulture, out int number) ? number
            : throw JinjaException.Value("Too many decimal digits in format string");

    private static string WithPoint(string number) => number.All(sign => char.IsAsciiDigit(sign) || sign == '-') ? $"{number}.0" : number;

    private static string Character(BigInteger value) => value >= 0 && value <= 0x10FFFF && (value < 0xD800 || value > 0xDFFF)
        ? char.ConvertFromUtf32((int)value)
        : throw new JinjaException(JinjaErrorKind.Overflow, "%c arg not in range(0x110000)");

    private static string InBase(BigInteger value, int numberBase)
    {
        string digits = "";
        do
        {
            digits = (char)('0' + (int)(value % numberBase)) + digits;
            value /= numberBase;
        }
        while (!value.IsZero);
        return digits;
    }

    private string Grouped(string digits)
    {
        if (Grouping == '\0')
        {
            return digits;
        }

        int group = Code is 'x' or 'X' or 'o' or 'b' ? 4 : 3;
        for (int place = digits.Length - group; place > 0; place -= group)
        {
            digits = digits.Insert(place, Grouping.ToString());
        }

        return digits;
    }

    private string Signed(bool isNegative, string prefix, string digits)
    {
        string front = (isNegative ? "-" : Sign is '\0' or '-' ? "" : Sign.ToString()) + prefix;
        Limits.CheckLength(Width);
        return Align is '=' or '0'
            ? front + digits.PadLeft(Width - front.Length < 0 ? 0 : Width - front.Length, Fill)
            : Pad(front + digits, '>');
    }

    private JinjaException WrongType(object? value) =>
        JinjaException.Value($"Unknown format code '{(Code == '\0' ? Align : Code)}' for object of type '{PythonText.TypeName(value)}'");

    [GeneratedRegex(
        @"^(?:(?<fill>[\s\S])(?=[<>=^]))?(?<align>[<>=^])?(?<sign>[-+ ])?(?<prefix>#)?(?<zero>0)?(?<width>[0-9]*)(?<grouping>[,_])?"
        + @"(?:\.(?<precision>[0-9]+))?(?<code>[bcdeEfFgGnosxX%])?\z")]
    private static partial Regex Pattern();
}
