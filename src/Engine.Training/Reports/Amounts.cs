using System.Globalization;
using Engine.Optim.Sharpness;

namespace Engine.Training.Reports;

/// <summary>Numbers as people read them, the same in every report; digits and signs are those of the invariant culture.</summary>
public static class Amounts
{
    private static readonly string[] ByteUnits = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    private static readonly string[] CountUnits = ["", " thousand", " million", " billion"];

    /// <summary>A size in binary units: <c>1.5 GiB</c>.</summary>
    public static string Bytes(long bytes) => Scaled(bytes, 1024, ByteUnits, separator: " ");

    /// <summary>A count in words: <c>22.7 million</c>.</summary>
    public static string Count(long count) => Scaled(count, 1000, CountUnits, separator: "");

    /// <summary>A number of things: <c>1 token</c>, <c>12,345 tokens</c>.</summary>
    public static string Of(long count, string thing) =>
        string.Create(CultureInfo.InvariantCulture, $"{count:N0} {thing}{(count == 1 ? "" : "s")}");

    /// <summary>A time as short as it is clear: <c>0.8 s</c>, <c>4:07</c>, <c>1:02:09</c>.</summary>
    public static string Time(TimeSpan time) => time.TotalSeconds < 10
        ? string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.0} s")
        : time.TotalHours < 1
            ? string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalMinutes}:{time.Seconds:00}")
            : string.Create(CultureInfo.InvariantCulture, $"{(long)time.TotalHours}:{time.Minutes:00}:{time.Seconds:00}");

    /// <summary>A metric with the digits that matter: <c>0.8734</c>.</summary>
    public static string Metric(double value) => value.ToString(Math.Abs(value) < 1000 ? "0.0000" : "0.0", CultureInfo.InvariantCulture);

    /// <summary>Metrics in their order: <c>loss 0.4829, accuracy 0.8734</c>.</summary>
    public static string Metrics(IReadOnlyDictionary<string, double> metrics) =>
        string.Join(", ", metrics.Select(metric => $"{metric.Key} {Metric(metric.Value)}"));

    /// <summary>A mean of a metric with the sample's deviation behind it: <c>0.8734 ± 0.0041</c>; of a single run the mean alone.</summary>
    public static string Metric(SampleMean mean) => Metric(mean.Value) + MetricDeviation(mean);

    /// <summary>A cost beside the reference's: <c>1.024</c>; empty where it is not known.</summary>
    public static string Ratio(double? ratio) => ratio?.ToString("0.000", CultureInfo.InvariantCulture) ?? "";

    /// <summary>A number of any size with as many digits as a reader needs: <c>1.23e-5</c>, <c>0.0123</c>, <c>123.5</c>.</summary>
    public static string Number(double value) => value switch
    {
        _ when !double.IsFinite(value) => "not finite",
        0 => "0",
        _ when IsExtreme(value) => value.ToString("0.##e0", CultureInfo.InvariantCulture),
        _ when Math.Abs(value) < 1 => value.ToString("0.####", CultureInfo.InvariantCulture),
        _ when Math.Abs(value) < 100 => value.ToString("0.###", CultureInfo.InvariantCulture),
        _ => value.ToString("0.#", CultureInfo.InvariantCulture),
    };

    /// <summary>A mean of numbers of any size with the sample's deviation behind it; of a single one the mean alone.</summary>
    public static string Number(SampleMean mean) => $"{Number(mean.Value)} {NumberDeviation(mean)}".TrimEnd();

    /// <summary>The deviation behind a metric's mean; empty for a single run.</summary>
    internal static string MetricDeviation(SampleMean mean) => double.IsNaN(mean.Deviation) ? "" : $" ± {Metric(mean.Deviation)}";

    /// <summary>The deviation behind a number's mean; empty for a single one.</summary>
    internal static string NumberDeviation(SampleMean mean) => double.IsNaN(mean.Deviation) ? "" : $"± {Number(mean.Deviation)}";

    /// <summary>Whether a number is better written with a power of ten.</summary>
    internal static bool IsExtreme(double value) => value != 0 && Math.Abs(value) is < 1e-3 or >= 1e6;

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
