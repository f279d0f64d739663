namespace Engine.Optim.Sharpness;

/// <summary>
/// Takes part of its intruder dimensions out of a tuned weight, W + (share - 1) sum_j s_j u_j v_j^T over the intruders j (Shuttleworth et
/// al. 2024, arXiv 2410.21228, section 6; PEFT's <c>reduce_intruder_dimension</c>): it gives back what the model knew before, at some cost
/// of what it has learned. <see cref="Revise"/> goes to a merge or to the writing of an adapter as its revision.
/// </summary>
/// <param name="share">What is left of an intruder, the paper's lambda, from 0 to 1.</param>
/// <param name="leading">How many leading singular vectors of a layer may be intruders.</param>
/// <param name="threshold">Below which similarity to every singular vector of the base weight one is an intruder.</param>
/// <exception cref="ArgumentOutOfRangeException">The share is no number from 0 to 1.</exception>
public sealed class IntruderMitigation(
    double share = IntruderMitigation.DefaultShare,
    int leading = IntruderDimensions.DefaultLeading,
    double threshold = IntruderDimensions.DefaultThreshold)
{
    /// <summary>What PEFT leaves of an intruder.</summary>
    public const double DefaultShare = 0.75;

    private readonly double share = share is >= 0 and <= 1
        ? share : throw new ArgumentOutOfRangeException(nameof(share), share, "What is left of an intruder is a share from 0 to 1.");

    private readonly IntruderDimensions dimensions = new(leading, threshold);

    /// <summary>Layers seen.</summary>
    public int Layers { get; private set; }

    /// <summary>Layers among them that had intruders.</summary>
    public int Changed { get; private set; }

    /// <summary>The intruders of all layers.</summary>
    public int Intruders { get; private set; }

    /// <summary>Shrinks the intruders of one layer.</summary>
    /// <param name="module">The layer's name.</param>
    /// <param name="original">W0 [rows, columns].</param>
    /// <param name="tuned">W [rows, columns], changed in place.</param>
    /// <returns>Whether there was an intruder.</returns>
    public bool Revise(string module, float[] original, float[] tuned, int rows)
    {
        IReadOnlyList<SingularTriple> intruders = dimensions.Find(module, original, tuned, rows);
        Layers++;
        if (intruders.Count == 0)
        {
            return false;
        }

        Changed++;
        Intruders += intruders.Count;
        int columns = tuned.Length / rows;
        for (int row = 0; row < rows; row++)
        {
            for (int column = 0; column < columns; column++)
            {
                double sum = 0;
                foreach (SingularTriple intruder in intruders)
                {
                    sum += intruder.Value * intruder.Left[row] * intruder.Right[column];
                }

                tuned[(row * columns) + column] += (float)((share - 1) * sum);
            }
        }

        return true;
    }
}
