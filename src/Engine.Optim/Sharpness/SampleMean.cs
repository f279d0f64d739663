namespace Engine.Optim.Sharpness;

/// <summary>A mean over random samples.</summary>
/// <param name="Value">The mean.</param>
/// <param name="StandardError">Deviation of the samples divided by the root of their number; NaN for one sample.</param>
/// <param name="Samples">How many there were.</param>
public sealed record SampleMean(double Value, double StandardError, int Samples)
{
    public static SampleMean Of(IReadOnlyList<double> samples)
    {
        double mean = samples.Average();
        double squares = samples.Sum(sample => (sample - mean) * (sample - mean));
        return new SampleMean(mean, Math.Sqrt(squares / (samples.Count - 1) / samples.Count), samples.Count);
    }
}
