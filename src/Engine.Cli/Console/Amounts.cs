using System.Globalization;

namespace Engine.Cli.Console;

/// <summary>Numbers as people read them.</summary>
internal static class Amounts
{
    private static readonly string[] ByteUnits = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    private static readonly string[] CountUnits = ["", " thousand", " million", " billion"];

    /// <summary>A size in binary units: <c>1.5 GiB</c>.</summary>
    public static string Bytes(long bytes) => Scaled(bytes, 1024, ByteUnits, separator: " ");

    /// <summary>A count in words: <c>22.7 million</c>.</summary>
    public static string Count(long count) => Scaled(count, 1000, CountUnits, separator: "");

    /// <summary>A number of things: <c>1 token</c>, <c>12,345 tokens</c>.</summary>
    public static string Of(long count, string thing) => string.Create(CultureInfo.InvariantCulture, $"{count:N0} {thing}{(count == 1 ? "" : "s")}");

    /// <summary>A time as short as it is clear: <c>0.8 s</c>, <c>4:07</c>, <c>1:02:09</c>.</summary>
    public static string Time(TimeSpan time) => time.TotalSeconds < 10
        ? string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.0} s")
        : time.TotalHours < 1
            ? string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalMinutes}:{time.Seconds:00}")
            : string.Create(CultureInfo.InvariantCulture, $"{(long)time.TotalHours}:{time.Minutes:00}:{time.Seconds:00}");

    private static string Scaled(long amount, int step, string[] units, string separator)
    {
        double scaled = amount;
        int unit = 0;
        while (scaled >= step && unit < units.Length - 1)
        {
            scaled /= step;
            unit++;
        }

        string number = unit == 0 || scaled >= 100
            ? Math.Round(scaled).ToString("0", CultureInfo.InvariantCulture)
            : scaled.ToString(scaled < 10 ? "0.##" : "0.#", CultureInfo.InvariantCulture);
        return number + separator + units[unit];
    }
}
