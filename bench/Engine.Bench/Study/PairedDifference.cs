using Engine.Optim.Sharpness;
using MathNet.Numerics.Distributions;

namespace Engine.Bench.Study;

/// <summary>
/// The mean difference of runs from those of a reference with the same seeds, which share the data's order, dropout masks and start, so
/// that much of their scatter cancels.
/// </summary>
/// <param name="Mean">Method less reference, over the pairs.</param>
/// <param name="HalfWidth">
/// Of the confidence interval of the mean by Student's t with pairs - 1 degrees of freedom, which takes the differences for normal; NaN for
/// one pair.
/// </param>
/// <param name="Pairs">Seeds that both have.</param>
internal sealed record PairedDifference(double Mean, double HalfWidth, int Pairs)
{
    /// <summary>Of the intervals.</summary>
    public const double Confidence = 0.95;

    /// <summary>Whether the interval leaves out 0.</summary>
    public bool IsShown => Math.Abs(Mean) > HalfWidth;

    /// <summary>Null where no seed is in both.</summary>
    /// <param name="values">Of the method, by seed.</param>
    /// <param name="reference">Of the reference, by seed.</param>
    public static PairedDifference? Of(IReadOnlyDictionary<ulong, double> values, IReadOnlyDictionary<ulong, double> reference)
    {
        double[] differences =
            [.. values.Where(value => reference.ContainsKey(value.Key)).Select(value => value.Value - reference[value.Key])];
        if (differences.Length == 0)
        {
            return null;
        }

        SampleMean mean = SampleMean.Of(differences);
        double width = differences.Length == 1 ? double.NaN : Bound(differences.Length - 1) * mean.StandardError;
        return new PairedDifference(mean.Value, width, differences.Length);
    }

    /// <summary>The t that |T| stays within with <see cref="Confidence"/>: 2.776 for 4 degrees of freedom.</summary>
    internal static double Bound(int freedom) => StudentT.InvCDF(location: 0, scale: 1, freedom, (1 + Confidence) / 2);
}
