using System.Numerics;

namespace Engine.Model.Chat.Jinja;

/// <summary>Arithmetic of values as Python has it.</summary>
internal static class PythonOperators
{
    public static object? Apply(string sign, object? left, object? right)
    {
        if (sign == "%" && PythonText.AsString(left) is { } format)
        {
            string text = PercentFormat.Apply(format, right);
            return left is JinjaMarkup ? new JinjaMarkup(text) : text;
        }

        if (left is JinjaUndefined || right is JinjaUndefined)
        {
            throw (left as JinjaUndefined ?? (JinjaUndefined)right!).Error();
        }

        if (PythonValues.AsInteger(left) is { } a && PythonValues.AsInteger(right) is { } b)
        {
            return OfIntegers(sign, a, b);
        }

        if (PythonValues.AsDouble(left) is { } x && PythonValues.AsDouble(right) is { } y)
        {
            return OfDoubles(sign, x, y);
        }

        return sign switch
        {
            "+" => Add(left, right),
            "*" => Repeat(left, right),
            _ => null,
        } ?? throw Unsupported(sign, left, right);
    }

    public static object? Unary(bool isNegation, object? value) => value switch
    {
        JinjaUndefined undefined => throw undefined.Error(),
        double number => isNegation ? -number : number,
        _ when PythonValues.AsInteger(value) is { } number => isNegation ? -number : number,
        _ => throw JinjaException.Type($"bad operand type for unary {(isNegation ? '-' : '+')}: '{PythonText.TypeName(value)}'"),
    };

    private static object OfIntegers(string sign, BigInteger left, BigInteger right)
    {
        switch (sign)
        {
            case "+":
                return Limits.Checked(left + right);
            case "-":
                return Limits.Checked(left - right);
            case "*":
                return Limits.Checked(left * right);
            case "**" when right.Sign >= 0:
                if (BigInteger.Abs(left) > 1)
                {
                    Limits.CheckBits((long)BigInteger.Min(int.MaxValue, right * left.GetBitLength()));
                    return BigInteger.Pow(left, (int)right);
                }

                return right.IsZero ? BigInteger.One : left.Sign < 0 && right.IsEven ? BigInteger.One : left;
            case "**":
                return OfDoubles(sign, (double)left, (double)right);
            case "/":
                return right.IsZero ? throw DividesByZero("division by zero") : (double)left / (double)right;
        }

        if (right.IsZero)
        {
            throw DividesByZero(sign == "//" ? "integer division or modulo by zero" : "integer modulo by zero");
        }

        BigInteger quotient = BigInteger.DivRem(left, right, out BigInteger remainder);
        bool isBelow = !remainder.IsZero && remainder.Sign != right.Sign;
        return sign == "//" ? quotient - (isBelow ? 1 : 0) : remainder + (isBelow ? right : 0);
    }

    private static object OfDoubles(string sign, double left, double right)
    {
        switch (sign)
        {
            case "+":
                return left + right;
            case "-":
                return left - right;
            case "*":
                return left * right;
            case "**" when left == 0 && right < 0:
                throw DividesByZero("0.0 cannot be raised to a negative power");
            case "**" when left < 0 && right != Math.Floor(right):
                throw JinjaException.Value("A negative number has no real power of a fraction.");
            case "**":
                double power = Math.Pow(left, right);
                return double.IsInfinity(power) && double.IsFinite(left) && double.IsFinite(right)
                    ? throw new JinjaException(JinjaErrorKind.Overflow, "(34, 'Numerical result out of range')")
                    : power;
        }

        if (right == 0)
        {
            throw DividesByZero(
                sign switch { "/" => "float division by zero", "//" => "float floor division by zero", _ => "float modulo" });
        }

        if (sign == "/")
        {
            return left / right;
        }

        double remainder = left % right;
        remainder = remainder != 0 && remainder < 0 != right < 0 ? remainder + right : remainder;
        return sign == "%" ? remainder : Math.Floor(Math.Round((left - remainder) / right, MidpointRounding.ToEven));
    }

    private static object? Add(object? left, object? right)
    {
        if (left is JinjaMarkup || (right is JinjaMarkup && left is string))
        {
            string? other = PythonText.AsString(left is JinjaMarkup ? right : left);
            return other is null ? null : new JinjaMarkup(Joined(HtmlEscape.Of(left), HtmlEscape.Of(right)));
        }

        switch (left, right)
        {
            case (string one, string other):
                return Joined(one, other);
            case (List<object?> one, List<object?> other):
                Limits.CheckLength((long)one.Count + other.Count);
                return (List<object?>)[.. one, .. other];
            case (JinjaTuple one, JinjaTuple other):
                Limits.CheckLength((long)one.Items.Count + other.Items.Count);
                return new JinjaTuple([.. one.Items, .. other.Items]);
            case (string or List<object?> or JinjaTuple, _):
                string type = PythonText.TypeName(left);
                throw JinjaException.Type($"can only concatenate {type} (not \"{PythonText.TypeName(right)}\") to {type}");
            default:
                return null;
        }
    }

    private static string Joined(string left, string right)
    {
        Limits.CheckLength((long)left.Length + right.Length);
        return left + right;
    }

    private static object? Repeat(object? left, object? right)
    {
        (object? repeated, object? count) = PythonValues.AsInteger(right) is null ? (right, left) : (left, right);
        if (PythonValues.AsInteger(count) is null || repeated is not (string or JinjaMarkup or List<object?> or JinjaTuple))
        {
            return null;
        }

        long times = Math.Max(0, PythonValues.Index(count));
        Limits.CheckLength(times * (PythonText.AsString(repeated)?.Length ?? PythonValues.Length(repeated)!.Value));
        if (PythonText.AsString(repeated) is { } text)
        {
            string all = text.Length == 0 ? "" : new System.Text.StringBuilder().Insert(0, text, (int)times).ToString();
            return repeated is JinjaMarkup ? new JinjaMarkup(all) : all;
        }

        IReadOnlyList<object?> items = repeated as List<object?> ?? ((JinjaTuple)repeated).Items;
        List<object?> copies = items.Count == 0 ? [] : [.. Enumerable.Range(0, (int)times).SelectMany(_ => items)];
        return repeated is JinjaTuple ? new JinjaTuple(copies) : copies;
    }

    private static JinjaException Unsupported(string sign, object? left, object? right) => JinjaException.Type(
        $"unsupported operand type(s) for {(sign == "**" ? "** or pow()" : sign)}: "
            + $"'{PythonText.TypeName(left)}' and '{PythonText.TypeName(right)}'");

    private static JinjaException DividesByZero(string message) => new(JinjaErrorKind.ZeroDivision, message);
}
