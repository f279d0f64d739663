namespace Engine.Kernels;

/// <summary>
/// The low-pass filters of LA-LoRA (ICLR 2026, arXiv 2602.19926). Of a factor the ranks are one axis, and what the layer reads (A) or
/// writes (B) the other.
/// </summary>
internal static class LowPass
{
    /// <summary>What a tap that is left out weighs less than, beside the largest.</summary>
    private const double Negligible = 1e-9;

    /// <summary>The paper's: [1, 4, 6, 4, 1] / 16 along the places, each rank by itself; the edges are mirrored.</summary>
    public static MatrixFilter Binomial(int ranks, int length, bool isTransposed) =>
        new(ranks, length, isTransposed, [1f / 16, 4f / 16, 6f / 16, 4f / 16, 1f / 16], Taps: 5, First: -2, IsPeriodic: false);

    /// <summary>
    /// The code's: the periodic x with (1 - sigma Laplacian) x = g, gain 1 / (1 + 2 sigma (2 - cos u - cos v)) by the frequencies of both
    /// axes. An axis of two places has one neighbour instead of two, as the code writes both into one cell; an axis of one has none. With
    /// one rank it is the filter of a vector, which the code has for tensors that are no factors.
    /// </summary>
    /// <param name="sigma">Above 0.</param>
    public static MatrixFilter Laplacian(int ranks, int length, bool isTransposed, double sigma)
    {
        double reach = Math.Ceiling(Math.Log(Negligible) / Math.Log(Decay(Diagonal(0, ranks, length, sigma), sigma)));
        (int first, int taps) = length > 2 && (2 * reach) + 1 < length ? (-(int)reach, (2 * (int)reach) + 1) : (0, length);
        var kernel = new double[ranks * taps];
        for (int frequency = 0; frequency < ranks; frequency++)
        {
            double diagonal = Diagonal(frequency, ranks, length, sigma);
            for (int tap = 0; tap < taps; tap++)
            {
                double weight = Along(Math.Abs(first + tap), length, diagonal, sigma) / ranks;
                for (int rank = 0; rank < ranks; rank++)
                {
                    kernel[(rank * taps) + tap] += weight * Math.Cos(2 * Math.PI * ((long)frequency * rank % ranks) / ranks);
                }
            }
        }

        return new(ranks, length, isTransposed, [.. kernel.Select(weight => (float)weight)], taps, first, IsPeriodic: true);
    }

    /// <summary>What a place itself weighs in 1 - sigma Laplacian, at a frequency of the ranks.</summary>
    private static double Diagonal(int frequency, int ranks, int length, double sigma) =>
        1 + (sigma * (Degree(ranks) - Neighbours(frequency, ranks) + Degree(length)));

    private static int Degree(int size) => size == 1 ? 0 : 2;

    /// <summary>The neighbours' part of the Laplacian at a frequency.</summary>
    private static double Neighbours(int frequency, int size) =>
        size == 1 ? 0 : (size == 2 ? 1 : 2) * Math.Cos(2 * Math.PI * frequency / size);

    /// <summary>
    /// Entry (0, distance) of the inverse of the periodic matrix with this diagonal and -sigma beside it: a geometric series going round
    /// both ways.
    /// </summary>
    private static double Along(int distance, int length, double diagonal, double sigma)
    {
        if (length <= 2)
        {
            double sum = 0;
            for (int frequency = 0; frequency < length; frequency++)
            {
                sum += Math.Cos(Math.PI * frequency * distance) / (diagonal - (sigma * Neighbours(frequency, length)));
            }

            return sum / length;
        }

        double decay = Decay(diagonal, sigma), root = Root(diagonal, sigma);
        return (Math.Pow(decay, distance) + Math.Pow(decay, length - distance)) / ((1 - Math.Pow(decay, length)) * root);
    }

    /// <summary>From one place to the next, in the inverse of that matrix without ends.</summary>
    private static double Decay(double diagonal, double sigma) => 2 * sigma / (diagonal + Root(diagonal, sigma));

    private static double Root(double diagonal, double sigma) => Math.Sqrt((diagonal * diagonal) - (4 * sigma * sigma));
}
