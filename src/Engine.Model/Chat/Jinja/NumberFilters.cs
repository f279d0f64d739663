using System.Numerics;

namespace Engine.Model.Chat.Jinja;

/// <summary>Filters of numbers.</summary>
internal static class NumberFilters
{
    public static void AddTo(Dictionary<string, Filters.Function> table)
    {
        table["abs"] = (_, value, _) => Abs(value);
        table["int"] = (_, value, arguments) => Integer(value, arguments.Bind("int", "default?", "base?"));
        table["float"] = (_, value, arguments) => Real(value, arguments.Bind("float", "default?"));
        table["round"] = (_, value, arguments) => Round(value, arguments.Bind("round", "precision?", "method?"));
    }

    private static object Abs(object? value) => value switch
    {
        double number => Math.Abs(number),
        _ =>
            BigInteger.Abs(
                PythonValues.AsInteger(value) ?? throw JinjaException.Type($"bad operand type for abs(): '{PythonText.TypeName(value)}'")),
    };

    private static object? Integer(object? value, BoundArguments arguments)
    {
        if (value is JinjaUndefined undefined)
        {
            throw undefined.Error();
        }

        string? text = PythonText.AsString(value);
        BigInteger? whole = text is null ? PythonValues.AsInteger(value) : PythonNumbers.ParseInteger(text, arguments.Integer(1, 10));
        double? real = text is null ? PythonValues.AsDouble(value) : PythonNumbers.ParseDouble(text);
        return whole ?? (real is { } number && double.IsFinite(number)
            ? new BigInteger(Math.Truncate(number))
            : arguments.Or(0, BigInteger.Zero));
    }

    private static object? Real(object? value, BoundArguments arguments) => value is JinjaUndefined undefined ? throw undefined.Error()
        : (PythonText.AsString(value) is { } text ? PythonNumbers.ParseDouble(text) : PythonValues.AsDouble(value)) ?? arguments.Or(0, 0.0);

    private static object Round(object? value, BoundArguments arguments)
    {
        int precision = Math.Clamp(arguments.Integer(0), -400, 400);
        string method = arguments.Text(1, "common");
        if (method is not ("common" or "ceil" or "floor"))
        {
            throw new JinjaException(JinjaErrorKind.Template, "method must be common, ceil or floor");
        }

        double number = PythonValues.AsDouble(value)
            ?? throw JinjaException.Type($"type {PythonText.TypeName(value)} doesn't define __round__ method");
        if (method != "common")
        {
            double scale = Math.Pow(10, precision), scaled = number * scale;
            return (method == "ceil" ? Math.Ceiling(scaled) : Math.Floor(scaled)) / scale;
        }

        return PythonValues.AsInteger(value) is { } whole ? RoundWhole(whole, precision)
            : double.IsFinite(number)
                ? double.Parse(PythonNumbers.Fixed(number, precision), System.Globalization.CultureInfo.InvariantCulture)
                : number;
    }

    private static object RoundWhole(BigInteger value, int precision)
    {
        if (precision >= 0)
        {
            return value;
        }

        BigInteger unit = BigInteger.Pow(10, -precision), rest = ((value % unit) + unit) % unit, below = value - rest;
        int side = (rest * 2).CompareTo(unit);
        return side > 0 || (side == 0 && !(below / unit).IsEven) ? below + unit : below;
    }
}
