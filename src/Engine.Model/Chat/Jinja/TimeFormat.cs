using System.Globalization;
using System.Text;

namespace Engine.Model.Chat.Jinja;

/// <summary>Times as <c>strftime</c> prints them in the C locale.</summary>
internal static class TimeFormat
{
    public static string Apply(string format, DateTime time)
    {
        StringBuilder result = new();
        for (int i = 0; i < format.Length; i++)
        {
            if (format[i] != '%' || i + 1 == format.Length)
            {
                result.Append(format[i]);
                continue;
            }

            bool isBare = format[i + 1] == '-' && i + 2 < format.Length;
            i += isBare ? 2 : 1;
            string? text = Of(format[i], time);
            result.Append(text is null
                ? $"%{(isBare ? "-" : "")}{format[i]}"
                : isBare && text.Length > 1 ? text.TrimStart('0', ' ').PadLeft(1, '0') : text);
        }

        return result.ToString();
    }

    private static string? Of(char code, DateTime time) => code switch
    {
        'a' => Text(time, "ddd"),
        'A' => Text(time, "dddd"),
        'b' or 'h' => Text(time, "MMM"),
        'B' => Text(time, "MMMM"),
        'c' => Apply("%a %b %e %H:%M:%S %Y", time),
        'C' => Number(time.Year / 100, 2),
        'd' => Text(time, "dd"),
        'D' or 'x' => Text(time, "MM/dd/yy"),
        'e' => time.Day.ToString(CultureInfo.InvariantCulture).PadLeft(2),
        'f' => Text(time, "ffffff"),
        'F' => Text(time, "yyyy-MM-dd"),
        'G' => ISOWeek.GetYear(time).ToString(CultureInfo.InvariantCulture),
        'H' => Text(time, "HH"),
        'I' => Text(time, "hh"),
        'j' => Number(time.DayOfYear, 3),
        'm' => Text(time, "MM"),
        'M' => Text(time, "mm"),
        'n' => "\n",
        'p' => time.Hour < 12 ? "AM" : "PM",
        'r' => Apply("%I:%M:%S %p", time),
        'R' => Text(time, "HH:mm"),
        's' => new DateTimeOffset(time).ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture),
        'S' => Text(time, "ss"),
        't' => "\t",
        'T' or 'X' => Text(time, "HH:mm:ss"),
        'u' => Number(((int)time.DayOfWeek + 6) % 7 + 1, 1),
        'U' => Number((time.DayOfYear + 6 - (int)time.DayOfWeek) / 7, 2),
        'V' => Number(ISOWeek.GetWeekOfYear(time), 2),
        'w' => Number((int)time.DayOfWeek, 1),
        'W' => Number((time.DayOfYear + 6 - (((int)time.DayOfWeek + 6) % 7)) / 7, 2),
        'y' => Text(time, "yy"),
        'Y' => time.Year.ToString(CultureInfo.InvariantCulture),
        'z' or 'Z' => "",
        '%' => "%",
        _ => null,
    };

    private static string Text(DateTime time, string format) => time.ToString(format, CultureInfo.InvariantCulture);

    private static string Number(int value, int digits) => value.ToString(CultureInfo.InvariantCulture).PadLeft(digits, '0');
}
