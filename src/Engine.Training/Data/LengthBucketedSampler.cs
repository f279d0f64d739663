using Engine.Devices;
using Engine.Optim;

namespace Engine.Training.Data;

/// <summary>
/// Shuffled batches for training. Each epoch is a fresh random order, cut into windows of many batches; a window is sorted by length and
/// cut into batches, and all batches are shuffled. So a batch holds texts of like length, while which texts meet and when stays random.
/// The order depends on (seed, epoch) alone, so a resumed run draws what the uninterrupted one would have drawn.
/// The examples that do not fill a batch, a random few, come last in their epoch.
/// </summary>
internal sealed class LengthBucketedSampler
{
    /// <summary>Batches per window, unless told otherwise.</summary>
    public const int DefaultWindow = 64;

    private readonly int[] lengths;
    private readonly int batchSize;
    private readonly ulong seed;
    private readonly int window;
    private (int Epoch, int[][] Batches)? current;

    /// <param name="lengths">Tokens of each example.</param>
    /// <param name="batchSize">Examples per batch.</param>
    /// <param name="seed">Key of the random order.</param>
    /// <param name="windowBatches">Batches per window; 1 is plain shuffling.</param>
    public LengthBucketedSampler(IReadOnlyList<int> lengths, int batchSize, ulong seed, int windowBatches = DefaultWindow)
    {
        ArgumentOutOfRangeException.ThrowIfZero(lengths.Count);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(batchSize);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(windowBatches);
        this.lengths = [.. lengths];
        this.batchSize = batchSize;
        this.seed = seed;
        window = checked(windowBatches * batchSize);
    }

    /// <summary>
    /// A sampler of some of the examples alone, which it numbers from 0 in this order; batch size, window and seed are the same.
    /// </summary>
    internal LengthBucketedSampler Part(IReadOnlyList<int> examples) =>
        new([.. examples.Select(example => lengths[example])], batchSize, seed, window / batchSize);

    /// <summary>Batches of an epoch, the last and partial one included.</summary>
    public int BatchesPerEpoch => (lengths.Length + batchSize - 1) / batchSize;

    /// <summary>All batches of one epoch.</summary>
    public IReadOnlyList<int[]> Batches(int epoch)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(epoch);
        if (this.current is not { } current || current.Epoch != epoch)
        {
            this.current = current = (epoch, Draw((uint)epoch));
        }

        return current.Batches;
    }

    /// <summary>All batches of one epoch, drawn anew: for whoever passes over many epochs, from several threads too.</summary>
    public int[][] Draw(uint epoch)
    {
        int[] order = new PhiloxGenerator(seed, RandomStream.Shuffle, epoch).Permutation(lengths.Length);
        int whole = order.Length / batchSize;
        if (window > batchSize)
        {
            for (int start = 0; start < whole * batchSize; start += window)
            {
                SortByLength(order.AsSpan(start..Math.Min(start + window, whole * batchSize)));
            }
        }

        int[][] batches = new int[BatchesPerEpoch][];
        int[] places = new PhiloxGenerator(seed, RandomStream.BatchOrder, epoch).Permutation(whole);
        for (int i = 0; i < whole; i++)
        {
            batches[i] = order[(places[i] * batchSize)..((places[i] + 1) * batchSize)];
        }

        if (whole < batches.Length)
        {
            batches[whole] = order[(whole * batchSize)..];
        }

        return batches;
    }

    /// <summary>Sorts examples by length, those of one length in the order in which they stand.</summary>
    private void SortByLength(Span<int> examples)
    {
        var keys = new long[examples.Length];
        for (int i = 0; i < keys.Length; i++)
        {
            keys[i] = ((long)lengths[examples[i]] << 32) | (uint)i;
        }

        keys.AsSpan().Sort(examples);
    }
}

/// <summary>Every example once, for evaluation and prediction.</summary>
internal static class SequentialBatches
{
    /// <summary>
    /// Batches by falling length, so that the largest comes first and a batch's rows are of like length. The indices are
    /// those of the file: whoever writes predictions stores each at its own index.
    /// </summary>
    public static IReadOnlyList<int[]> ByLength(IReadOnlyList<int> lengths, int batchSize)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(batchSize);
        return [.. Enumerable.Range(0, lengths.Count).OrderByDescending(index => lengths[index]).Chunk(batchSize)];
    }
}
