using System.Numerics.Tensors;
using Engine.Devices;
using Engine.Model.Numerics;

namespace Engine.Optim.Sharpness;

/// <summary>How many leading singular vectors of a layer were not there before.</summary>
/// <param name="Count">Intruders.</param>
/// <param name="Looked">How many leading vectors were looked at.</param>
/// <param name="LowestSimilarity">The least of their similarities to the base weight's vectors.</param>
public sealed record IntruderCount(int Count, int Looked, double LowestSimilarity);

/// <summary>A singular value with its left vector [rows] and its right vector [columns].</summary>
internal sealed record SingularTriple(double Value, double[] Left, double[] Right);

/// <summary>
/// Intruder dimensions (Shuttleworth et al. 2024, arXiv 2410.21228): of the k leading left singular vectors u_j of a tuned weight, those
/// for which no singular vector u0_i of the base weight has |u_j . u0_i| at or above a threshold. Vectors of (almost) equal singular values
/// count as one space, in which only the length of u_j's projection means something. The base weights' decompositions are kept, so that
/// several adapters of one model share them.
/// </summary>
/// <param name="leading">k.</param>
/// <param name="threshold">The paper's epsilon.</param>
internal sealed class IntruderDimensions(
    int leading = IntruderDimensions.DefaultLeading, double threshold = IntruderDimensions.DefaultThreshold)
{
    public const int DefaultLeading = 10;
    public const double DefaultThreshold = 0.5;

    /// <summary>Singular values nearer to each other than this part of the largest count as equal.</summary>
    private const double EqualWithin = 1e-6;

    private readonly Dictionary<string, (float[] Weight, GramSpectrum Spectrum)> known = [];

    /// <summary>Counts the intruders of one layer.</summary>
    /// <param name="original">W0 [rows, columns].</param>
    /// <param name="tuned">W [rows, columns].</param>
    public IntruderCount Count(string layer, float[] original, float[] tuned, int rows)
    {
        double[] similarities = [.. Leading(layer, original, tuned, rows).Select(leading => leading.Similarity)];
        return new IntruderCount(
            similarities.Count(similarity => similarity < threshold), similarities.Length, similarities.DefaultIfEmpty(1).Min());
    }

    /// <summary>The intruders of one layer: their singular values and vectors.</summary>
    /// <param name="original">W0 [rows, columns].</param>
    /// <param name="tuned">W [rows, columns].</param>
    internal IReadOnlyList<SingularTriple> Find(string layer, float[] original, float[] tuned, int rows) =>
        [.. Leading(layer, original, tuned, rows).Where(leading => leading.Similarity < threshold).Select(leading => leading.Triple)];

    /// <summary>The leading triples of the tuned weight, each with its left vector's similarity to those of the base weight.</summary>
    private IEnumerable<(SingularTriple Triple, double Similarity)> Leading(string layer, float[] original, float[] tuned, int rows)
    {
        int columns = original.Length / rows;
        if (!known.TryGetValue(layer, out (float[] Weight, GramSpectrum Spectrum) entry) || !entry.Weight.AsSpan().SequenceEqual(original))
        {
            entry = (original, GramSpectrum.Of(original, rows, columns, wantsVectors: true));
            known[layer] = entry;
        }

        int count = Math.Min(leading, Math.Min(rows, columns));
        SingularTriples triples =
            TruncatedSvd.Compute(tuned, rows, columns, count, new PhiloxGenerator(0, RandomStream.SingularVectors, 0));
        return Enumerable.Range(0, count).Where(i => triples.Values[i] > 0).Select(i => (
            new SingularTriple(triples.Values[i], triples.Left[i], triples.Right[i]), Similarity(triples.Left[i], entry.Spectrum)));
    }

    /// <summary>The length of u's projection on the space of u0 that holds most of it.</summary>
    private static double Similarity(double[] u, GramSpectrum spectrum)
    {
        float[] direction = [.. u.Select(value => (float)value)];
        double best = 0, square = 0;
        for (int i = 0; i < spectrum.Values.Length; i++)
        {
            bool opensSpace = i == 0 || spectrum.Values[i - 1] - spectrum.Values[i] > EqualWithin * spectrum.Values[0];
            double cosine = TensorPrimitives.Dot<float>(direction, spectrum.Left[i]);
            square = (opensSpace ? 0 : square) + (cosine * cosine);
            best = Math.Max(best, square);
        }

        return Math.Sqrt(best);
    }
}
