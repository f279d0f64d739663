using Engine.Common.Keys;
using Engine.Devices;
using Engine.Model.Batching;

namespace Engine.Training.Data;

/// <summary>Which rows of a data set are held out as validation data: a function of seed, share and classes alone.</summary>
internal static class HeldOutRows
{
    /// <summary>
    /// Draws the share's rows, rounded up, at least one and at most all but one; with classes, of each class its part (the largest
    /// remainders rounded up) and at most all but one.
    /// </summary>
    /// <param name="source">What the rows are from, for messages.</param>
    /// <param name="classes">[rows] The class of each row; null: rows are drawn from all.</param>
    /// <returns>[rows] Whether a row is held out.</returns>
    /// <exception cref="DataFileException">There are too few rows to hold any out.</exception>
    public static bool[] Draw(string source, int rows, double share, ulong seed, IReadOnlyList<string>? classes = null)
    {
        int[][] groups = classes is null
            ? [[.. Enumerable.Range(0, rows)]]
            : [.. Enumerable.Range(0, rows).GroupBy(row => classes[row], StringComparer.Ordinal).Select(group => group.ToArray())];
        int spare = groups.Sum(group => group.Length - 1);
        if (spare == 0)
        {
            throw new DataFileException(
                source,
                $"{Setting.Of("validation_split")} would hold out rows of {rows}, and one{(classes is null ? "" : " of each class")} is "
                    + "needed to train on.");
        }

        // A product such as 0.1 * 30 may lie just above the whole number that is meant.
        const double Rounding = 1e-9;
        int wanted = Math.Clamp((int)Math.Ceiling((share * rows) - Rounding), 1, spare);
        int[] parts = Apportion([.. groups.Select(group => group.Length)], wanted);
        bool[] held = new bool[rows];
        for (int i = 0; i < groups.Length; i++)
        {
            int[] order = new PhiloxGenerator(seed, RandomStream.ValidationSplit, (uint)i).Permutation(groups[i].Length);
            foreach (int place in order.AsSpan(0, parts[i]))
            {
                held[groups[i][place]] = true;
            }
        }

        return held;
    }

    /// <summary>Parts of a whole by the sizes of groups, none of which gives its last row.</summary>
    private static int[] Apportion(int[] sizes, int wanted)
    {
        double rows = sizes.Sum(size => (double)size);
        double[] exact = [.. sizes.Select(size => wanted * size / rows)];
        int[] parts = [.. exact.Zip(sizes, (part, size) => Math.Min((int)part, size - 1))];
        int[] byRemainder =
            [.. Enumerable.Range(0, sizes.Length).OrderByDescending(i => exact[i] - parts[i]).ThenByDescending(i => sizes[i])];
        for (int left = wanted - parts.Sum(); left > 0;)
        {
            foreach (int i in byRemainder.Where(i => parts[i] < sizes[i] - 1).Take(left).ToArray())
            {
                parts[i]++;
                left--;
            }
        }

        return parts;
    }
}
