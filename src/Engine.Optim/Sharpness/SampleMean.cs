namespace Engine.Optim.Sharpness;

/// <summary>A mean over random samples.</summary>
/// <param name="Value">The mean.</param>
/// <param name="Deviation">Of the sample, over n - 1; NaN for one sample.</param>
/// <param name="Samples">How many there were.</param>
public sealed record SampleMean(double Value, double Deviation, int Samples)
{
    /// <summary>How far the mean is from the true one, as a deviation; NaN for one sample.</summary>
    public double StandardError => Deviation / Math.Sqrt(Samples);

    /// <param name="samples">At least one.</param>
    public static SampleMean Of(IReadOnlyCollection<double> samples)
    {
        double mean = samples.Average();
        double squares = samples.Sum(sample => (sample - mean) * (sample - mean));
        return new SampleMean(mean, Math.Sqrt(squares / (samples.Count - 1)), samples.Count);
    }
}
