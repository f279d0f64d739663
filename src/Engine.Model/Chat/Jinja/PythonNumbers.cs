using System.Globalization;
using System.Numerics;

namespace Engine.Model.Chat.Jinja;

/// <summary>Numbers in the forms of Python's format codes, rounded half to even on their exact value.</summary>
internal static class PythonNumbers
{
    /// <summary>With so many digits after the point; fewer than none rounds before it.</summary>
    public static string Fixed(double value, int digits)
    {
        if (!double.IsFinite(value))
        {
            return PythonText.Number(value);
        }

        Limits.CheckLength(digits);
        BigInteger scaled = Rounded(Math.Abs(value), digits);
        string sign = double.IsNegative(value) ? "-" : "";
        if (digits <= 0)
        {
            return sign + (scaled * BigInteger.Pow(10, -digits)).ToString(CultureInfo.InvariantCulture);
        }

        string all = scaled.ToString(CultureInfo.InvariantCulture).PadLeft(digits + 1, '0');
        return $"{sign}{all[..^digits]}.{all[^digits..]}";
    }

    /// <summary>As code <c>e</c> has it.</summary>
    public static string Scientific(double value, int digits)
    {
        if (!double.IsFinite(value))
        {
            return PythonText.Number(value);
        }

        (string mantissa, int exponent) = Parts(Math.Abs(value), digits);
        string fraction = digits > 0 ? $".{mantissa[1..]}" : "";
        return $"{(double.IsNegative(value) ? "-" : "")}{mantissa[0]}{fraction}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}";
    }

    /// <summary>As code <c>g</c> has it.</summary>
    public static string General(double value, int digits)
    {
        if (!double.IsFinite(value))
        {
            return PythonText.Number(value);
        }

        digits = Math.Max(1, digits);
        int exponent = Parts(Math.Abs(value), digits - 1).Exponent;
        bool isFixed = exponent >= -4 && exponent < digits;
        string text = isFixed ? Fixed(value, digits - 1 - exponent) : Scientific(value, digits - 1);
        string[] parts = text.Split('e');
        parts[0] = parts[0].Contains('.', StringComparison.Ordinal) ? parts[0].TrimEnd('0').TrimEnd('.') : parts[0];
        return string.Join('e', parts);
    }

    /// <summary>As <c>int(text, base)</c> reads; null where it is no number.</summary>
    public static BigInteger? ParseInteger(string text, int numberBase = 10)
    {
        string digits = text.Trim(PythonText.Whitespace);
        bool isNegative = digits.StartsWith('-');
        digits = digits.Length > 0 && digits[0] is '-' or '+' ? digits[1..] : digits;
        string prefix = digits.Length > 1 && digits[0] == '0' ? digits[..2].ToLowerInvariant() : "";
        bool hasPrefix = (prefix, numberBase) is ("0x", 16) or ("0o", 8) or ("0b", 2);
        digits = (hasPrefix ? digits[2..] : digits).Replace("_", "", StringComparison.Ordinal);
        if (digits.Length is 0 or > 4300)
        {
            return null;
        }

        BigInteger value = 0;
        foreach (char sign in digits)
        {
            int digit = char.IsAsciiLetter(sign)
                ? char.ToLowerInvariant(sign) - 'a' + 10
                : char.IsDigit(sign) ? (int)char.GetNumericValue(sign) : 99;
            if (digit >= numberBase)
            {
                return null;
            }

            value = (value * numberBase) + digit;
        }

        return isNegative ? -value : value;
    }

    /// <summary>As <c>float(text)</c> reads; null where it is no number.</summary>
    public static double? ParseDouble(string text)
    {
        string trimmed = text.Trim(PythonText.Whitespace).Replace("_", "", StringComparison.Ordinal);
        string word = trimmed.TrimStart('+', '-').ToLowerInvariant();
        if (word is "inf" or "infinity" or "nan")
        {
            return word == "nan" ? double.NaN : trimmed.StartsWith('-') ? double.NegativeInfinity : double.PositiveInfinity;
        }

        const NumberStyles style = NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;
        bool isNumber = word.Length > 0 && (char.IsDigit(word[0]) || word[0] == '.');
        return isNumber && double.TryParse(trimmed, style, CultureInfo.InvariantCulture, out double value) ? value : null;
    }

    /// <summary>The digits, one more than asked for after the point, and the power of ten of the first.</summary>
    private static (string Mantissa, int Exponent) Parts(double value, int digits)
    {
        Limits.CheckLength(digits);
        if (value == 0)
        {
            return (new string('0', digits + 1), 0);
        }

        int exponent = (int)Math.Floor(Math.Log10(value));
        string mantissa;
        while ((mantissa = Rounded(value, digits - exponent).ToString(CultureInfo.InvariantCulture)).Length != digits + 1)
        {
            exponent += mantissa.Length > digits + 1 ? 1 : -1;
        }

        return (mantissa, exponent);
    }

    /// <summary>The number times a power of ten, as an integer.</summary>
    private static BigInteger Rounded(double value, int power)
    {
        long bits = BitConverter.DoubleToInt64Bits(value);
        int exponent = (int)((bits >> 52) & 0x7FF);
        BigInteger numerator = (bits & 0xFFFFFFFFFFFFF) | (exponent == 0 ? 0 : 1L << 52);
        int shift = Math.Max(1, exponent) - 1075;
        BigInteger denominator = 1;
        Scale(ref numerator, ref denominator, BigInteger.Pow(2, Math.Abs(shift)), shift >= 0);
        Scale(ref numerator, ref denominator, BigInteger.Pow(10, Math.Abs(power)), power >= 0);
        BigInteger quotient = BigInteger.DivRem(numerator, denominator, out BigInteger rest);
        int side = (rest * 2).CompareTo(denominator);
        return quotient + (side > 0 || (side == 0 && !quotient.IsEven) ? 1 : 0);
    }

    private static void Scale(ref BigInteger numerator, ref BigInteger denominator, BigInteger factor, bool isMultiplied)
    {
        if (isMultiplied)
        {
            numerator *= factor;
        }
        else
        {
            denominator *= factor;
        }
    }
}
