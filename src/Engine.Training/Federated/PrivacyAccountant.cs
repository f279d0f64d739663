namespace Engine.Training.Federated;

/// <summary>
/// What (epsilon, delta)-privacy steps of DP-SGD come to, by Renyi differential privacy of the Poisson-subsampled Gaussian mechanism
/// (Mironov, Talwar, Zhang 2019, arXiv 1908.10530): a step that takes each row with chance q, clips each row's gradient to C and adds noise
/// of deviation sigma C to their sum. Neighbours differ by one row more or less.
/// </summary>
public sealed class PrivacyAccountant
{
    /// <summary>Orders alpha at which the divergence is bounded; the best of them gives epsilon.</summary>
    private static readonly double[] Orders =
    [
        .. Enumerable.Range(1, 99).Select(tenth => 1 + (tenth / 10.0)),
        .. Enumerable.Range(11, 53).Select(order => (double)order), 80, 96, 128, 192, 256, 512,
    ];

    /// <summary>Below this sigma the integral's steps, of sigma^2 / 5, are too many, and epsilon is in the thousands anyway.</summary>
    private const double LeastIntegrated = 0.02;

    private readonly double[] divergences = new double[Orders.Length];

    /// <summary>Adds steps.</summary>
    /// <param name="noiseMultiplier">sigma: the noise's deviation over the clipping norm.</param>
    /// <param name="samplingRate">q: the chance of a row to be in a step's batch.</param>
    /// <exception cref="ArgumentOutOfRangeException">A noise that is not positive, or a chance outside 0 to 1.</exception>
    public void Add(double noiseMultiplier, double samplingRate, long steps)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(steps);
        for (int i = 0; i < Orders.Length; i++)
        {
            divergences[i] += steps * Divergence(noiseMultiplier, samplingRate, Orders[i]);
        }
    }

    /// <summary>Adds what another has counted, so many times.</summary>
    internal void Add(PrivacyAccountant other, long times)
    {
        for (int i = 0; i < Orders.Length; i++)
        {
            divergences[i] += times * other.divergences[i];
        }
    }

    /// <summary>
    /// The smallest epsilon that the orders prove at a delta: the least of RDP(alpha) + ln((alpha - 1) / alpha) - (ln delta + ln alpha) /
    /// (alpha - 1) (Canonne, Kamath, Steinke 2020, arXiv 2004.00010, proposition 12).
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">A delta that is not between 0 and 1.</exception>
    public double Epsilon(double delta)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(delta);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(delta, 1);
        if (divergences[0] == 0)
        {
            return 0;
        }

        double least = Orders
            .Select((order, i) => divergences[i] + Math.Log((order - 1) / order) - ((Math.Log(delta) + Math.Log(order)) / (order - 1)))
            .Min();
        return Math.Max(0, least);
    }

    /// <summary>
    /// The Renyi divergence of one step at an order above 1; of a whole batch (q = 1) it is alpha / (2 sigma^2), which bounds that of any
    /// other and stands for it where the noise is too small to hide anything.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">A noise that is not positive, or a chance outside 0 to 1.</exception>
    public static double Divergence(double noiseMultiplier, double samplingRate, double order)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(noiseMultiplier);
        ArgumentOutOfRangeException.ThrowIfNegative(samplingRate);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(samplingRate, 1);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(order, 1);
        if (samplingRate is 0 or 1 || noiseMultiplier < LeastIntegrated)
        {
            return samplingRate == 0 ? 0 : order / (2 * noiseMultiplier * noiseMultiplier);
        }

        double moment = order == Math.Floor(order)
            ? LogMomentOfWhole(noiseMultiplier, samplingRate, (int)order)
            : LogMoment(noiseMultiplier, samplingRate, order);
        return moment / (order - 1);
    }

    /// <summary>ln sum_k binomial(alpha, k) (1 - q)^(alpha - k) q^k exp((k^2 - k) / (2 sigma^2)).</summary>
    internal static double LogMomentOfWhole(double sigma, double q, int order)
    {
        double sum = double.NegativeInfinity, logBinomial = 0;
        for (int k = 0; k <= order; k++)
        {
            double term = logBinomial + ((order - k) * Math.Log(1 - q)) + (k * Math.Log(q)) + ((((double)k * k) - k) / (2 * sigma * sigma));
            sum = LogAdd(sum, term);
            logBinomial += Math.Log(order - k) - Math.Log(k + 1);
        }

        return sum;
    }

    /// <summary>
    /// ln E[((1 - q) + q exp((2 z - 1) / (2 sigma^2)))^alpha] over z of deviation sigma, by the trapezoid rule, whose error falls
    /// exponentially for such an integrand: it is analytic within pi sigma^2 of the real line, and 12 deviations beyond its peaks, at 0 and
    /// at alpha, nothing is left.
    /// </summary>
    internal static double LogMoment(double sigma, double q, double order)
    {
        const double Deviations = 12;
        double variance = sigma * sigma, step = Math.Min(sigma / 8, variance / 5);
        double first = -Deviations * sigma, last = order + (Deviations * sigma);
        double norm = Math.Log(step) - (0.5 * Math.Log(2 * Math.PI * variance)), sum = double.NegativeInfinity;
        for (double z = first; z <= last; z += step)
        {
            double ratio = LogAdd(Math.Log(1 - q), Math.Log(q) + (((2 * z) - 1) / (2 * variance)));
            sum = LogAdd(sum, norm - (z * z / (2 * variance)) + (order * ratio));
        }

        return sum;
    }

    /// <summary>ln(e^a + e^b).</summary>
    private static double LogAdd(double a, double b)
    {
        double larger = Math.Max(a, b);
        return double.IsNegativeInfinity(larger) ? larger : larger + Math.Log(Math.Exp(a - larger) + Math.Exp(b - larger));
    }
}
