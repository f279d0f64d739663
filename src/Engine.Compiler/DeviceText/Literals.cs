using System;
using System.Globalization;
using System.Linq;

namespace Engine.Compiler.DeviceText;

/// <summary>Constants in C.</summary>
internal static class Literals
{
    /// <summary>A C constant of the same type and value, or null where there is none.</summary>
    public static string? Print(object? value) => value switch
    {
        bool b => b ? "true" : "false",
        sbyte or byte or short or ushort => Convert.ToString(value, CultureInfo.InvariantCulture),
        int i => i == int.MinValue ? "(-2147483647 - 1)" : i.ToString(CultureInfo.InvariantCulture),
        uint u => u.ToString(CultureInfo.InvariantCulture) + "u",
        long l => Int64(l),
        ulong u => u <= uint.MaxValue ? $"(u64){u.ToString(CultureInfo.InvariantCulture)}u" : $"(u64)0x{u:X}UL",
        float f => Float(f),
        double d => Double(d),
        _ => null,
    };

    private static string Int64(long value) =>
        value is > int.MinValue and <= int.MaxValue
            ? $"(i64){value.ToString(CultureInfo.InvariantCulture)}"
            : $"(i64)0x{unchecked((ulong)value):X}UL";

    private static string Float(float value)
    {
        if (float.IsNaN(value))
        {
            return "NAN";
        }

        return float.IsInfinity(value) ? (value > 0 ? "INFINITY" : "(-INFINITY)") : Point(value.ToString("R", CultureInfo.InvariantCulture)) + "f";
    }

    private static string Double(double value)
    {
        if (double.IsNaN(value))
        {
            return "((double)NAN)";
        }

        return double.IsInfinity(value) ? (value > 0 ? "((double)INFINITY)" : "(-(double)INFINITY)") : Point(value.ToString("R", CultureInfo.InvariantCulture));
    }

    private static string Point(string number) => number.Any(c => c is '.' or 'E' or 'e') ? number : number + ".0";
}
