using System.Globalization;

namespace Engine.Training.Reports;

/// <summary>Maps values to places along an axis, linearly or by logarithm, and picks round numbers for its ticks.</summary>
internal sealed class ChartScale
{
    /// <summary>How far a label may be from its tick, in distances between ticks.</summary>
    private const double LabelError = 1e-3;

    /// <summary>Float64 has no more.</summary>
    private const int MostDigits = 17;

    private readonly double from;
    private readonly double to;
    private readonly double low;
    private readonly double high;

    /// <param name="values">What must fit; those that are not finite are passed over.</param>
    /// <param name="from">The place of the lowest value.</param>
    /// <param name="to">The place of the highest.</param>
    /// <param name="logarithmic">By logarithm; every finite value is then above 0.</param>
    /// <param name="within">What values there can be; the axis does not reach beyond.</param>
    public ChartScale(
        IEnumerable<double> values, double from, double to, bool logarithmic = false, (double Least, double Greatest)? within = null)
    {
        this.from = from;
        this.to = to;
        IsLogarithmic = logarithmic;
        double[] finite = [.. values.Where(double.IsFinite).DefaultIfEmpty(logarithmic ? 1 : 0)];
        Low = finite.Min();
        High = finite.Max();
        if (High == Low)
        {
            // One value alone lies in the middle, as far as there can be others around it.
            (Low, High) = logarithmic
                ? (Low / 2, High * 2)
                : (Low - Math.Max(Math.Abs(Low) / 2, 0.5), High + Math.Max(Math.Abs(High) / 2, 0.5));
            (Low, High) = within is var (least, greatest) ? (Math.Max(Low, least), Math.Min(High, greatest)) : (Low, High);
        }

        low = Transform(Low);
        high = Transform(High);
    }

    public bool IsLogarithmic { get; }

    public double Low { get; }

    public double High { get; }

    /// <summary>Whether values that span this much are better seen by logarithm.</summary>
    public static bool SpansMuch(IEnumerable<double> values)
    {
        double[] finite = [.. values.Where(double.IsFinite)];
        return finite.Length > 0 && finite.Min() > 0 && finite.Max() > 20 * finite.Min();
    }

    /// <summary>0 at the lowest value, 1 at the highest.</summary>
    public double Part(double value) => (Transform(value) - low) / (high - low);

    /// <summary>The value at a part of the way.</summary>
    public double At(double part) => IsLogarithmic ? Math.Exp(low + (part * (high - low))) : low + (part * (high - low));

    public double Place(double value) => from + (Part(value) * (to - from));

    /// <summary>About this many round numbers within the axis.</summary>
    public IReadOnlyList<double> Ticks(int about)
    {
        if (IsLogarithmic)
        {
            double decades = Math.Log10(High / Low);
            double[] digits = decades < 1.5 ? [1, 2, 3, 5, 7] : decades < 3 ? [1, 2, 5] : [1];
            int every = Math.Max(1, (int)Math.Ceiling(decades / about));
            double[] ticks = [.. Enumerable.Range((int)Math.Floor(Math.Log10(Low)), (int)Math.Ceiling(decades) + 2)
                .Where(exponent => decades < 3 || exponent % every == 0)
                .SelectMany(exponent => digits.Select(digit => digit * Math.Pow(10, exponent)))
                .Where(tick => tick >= Low * 0.999 && tick <= High * 1.001)];
            if (ticks.Length >= 2)
            {
                return ticks;
            }
        }

        double step = RoundStep((High - Low) / about);
        double first = Math.Ceiling((Low / step) - 1e-6);
        return [.. Enumerable.Range(0, (int)Math.Floor((High / step) + 1e-6 - first) + 1).Select(i => (first + i) * step)];
    }

    /// <summary>
    /// Ticks and what stands beside each: as many digits as it takes to read its value off the label, however close the next one lies.
    /// </summary>
    /// <param name="ticks">Ascending.</param>
    public static IEnumerable<(double Tick, string Label)> Labelled(IReadOnlyList<double> ticks)
    {
        return ticks.Select((tick, i) => (tick, Label(tick, LabelError * Gap(i))));

        // From a tick to its nearest neighbour; a lone one has itself.
        double Gap(int i) => Enumerable.Range(Math.Max(0, i - 1), 2)
            .Where(left => left + 1 < ticks.Count)
            .Select(left => ticks[left + 1] - ticks[left])
            .DefaultIfEmpty(Math.Abs(ticks[i]))
            .Min();
    }

    /// <summary>The shortest text within an error of a value.</summary>
    private static string Label(double value, double error)
    {
        string suffix = Amounts.IsExtreme(value) ? "e0" : string.Empty;
        for (int digits = 0; ; digits++)
        {
            string label = value.ToString($"0.{new string('#', digits)}{suffix}", CultureInfo.InvariantCulture);
            if (digits == MostDigits || Math.Abs(double.Parse(label, CultureInfo.InvariantCulture) - value) <= error)
            {
                return label;
            }
        }
    }

    /// <summary>A place in an SVG.</summary>
    public static string Coordinate(double place) => place.ToString("0.##", CultureInfo.InvariantCulture);

    private double Transform(double value) => IsLogarithmic ? Math.Log(value) : value;

    private static double RoundStep(double step)
    {
        double power = Math.Pow(10, Math.Floor(Math.Log10(step)));
        double digit = step / power;
        return power * (digit <= 1 ? 1 : digit <= 2 ? 2 : digit <= 5 ? 5 : 10);
    }
}
