using Engine.Kernels.Tests;
using Engine.Optim.Sharpness;

namespace Engine.Optim.Tests.Sharpness;

/// <summary>The shape of an update, and intruder dimensions.</summary>
public sealed class GeometryTests
{
    private const int Rows = 120, Columns = 80;

    /// <summary>Orthogonal rank-1 terms with singular values 3 and 1: entropy of (3/4, 1/4).</summary>
    [Fact]
    public void Effective_rank_is_the_exponential_of_the_singular_values_entropy()
    {
        float[] a = [1, 0, 0, 0, 0, 0.5f, 0, 0], b = [3, 0, 0, 2, 0, 0];
        UpdateGeometry geometry = UpdateGeometry.Of(a, b, rank: 2, scale: 2, baseNorm: 4);
        double[] parts = [6 / 8.0, 2 / 8.0];
        Assert.Equal(Math.Exp(-parts.Sum(part => part * Math.Log(part))), geometry.EffectiveRank, 1e-12);
        Assert.Equal(Math.Sqrt(36 + 4), geometry.UpdateNorm, 1e-12);
        Assert.Equal(Math.Sqrt(40) / 4, geometry.RelativeNorm, 1e-12);
        Assert.Equal((13 - 1.25) / 2, geometry.Balancedness, 1e-12);
    }

    [Fact]
    public void Equal_singular_values_have_the_whole_rank_one_has_rank_one_and_none_has_rank_zero()
    {
        Assert.Equal(3, UpdateGeometry.Of([1, 0, 0, 0, 1, 0, 0, 0, 1], [1, 0, 0, 0, 1, 0, 0, 0, 1], 3, 5, 1).EffectiveRank, 1e-12);
        Assert.Equal(1, UpdateGeometry.Of([1, 2, 3], [4, 5], 1, 0.5, 1).EffectiveRank, 1e-12);
        Assert.Equal(0, UpdateGeometry.Of([1, 2, 3], [0, 0], 1, 0.5, 1).EffectiveRank);
    }

    /// <summary>
    /// A rank above the layer's sides, below them, and between: the thin route and the decomposition of the whole product (1e-6 of it is
    /// where that one stops) agree.
    /// </summary>
    [Theory]
    [InlineData(2, 7, 5)]
    [InlineData(6, 7, 5)]
    [InlineData(9, 7, 5)]
    public void The_thin_route_agrees_with_the_whole_product(int rank, int rows, int columns)
    {
        float[] a = Numbers.Values(1, rank * columns), b = Numbers.Values(2, rows * rank);
        float[] update = [.. Enumerable.Range(0, rows * columns).Select(e =>
            (float)(1.5 * Enumerable.Range(0, rank).Sum(k => (double)b[(e / columns * rank) + k] * a[(k * columns) + (e % columns)])))];
        UpdateGeometry thin = UpdateGeometry.Of(a, b, rank, 1.5, 2), whole = UpdateGeometry.Of(a, b, update, rows, 2);
        Assert.Equal(whole.EffectiveRank, thin.EffectiveRank, 1e-4);
        Assert.Equal(whole.UpdateNorm, thin.UpdateNorm, 1e-5);
    }

    [Fact]
    public void An_unchanged_weight_has_no_intruder_whatever_its_signs_and_equal_values()
    {
        float[] weight = Numbers.Values(3, Rows * Columns);
        var intruders = new IntruderDimensions();
        Assert.Equal(0, intruders.Count("a", weight, weight, Rows).Count);
        Assert.Equal(0, intruders.Count("a", weight, [.. weight.Select(value => -value)], Rows).Count);

        // Any orthogonal vectors are singular vectors of a multiple of the identity.
        float[] identity = [.. Enumerable.Range(0, 30 * 30).Select(e => e / 30 == e % 30 ? 2f : 0f)];
        IntruderCount equal = intruders.Count("b", identity, identity, 30);
        Assert.Equal(0, equal.Count);
        Assert.Equal(1, equal.LowestSimilarity, 1e-5);
    }

    /// <summary>
    /// u lies across many small singular vectors, a tenth of it along each, and beyond the column space; w does likewise.
    /// </summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_large_update_along_a_new_direction_is_one_intruder(bool transposed)
    {
        const int First = 20;
        float[] original = Diagonal(), tuned = [.. original];
        for (int i = First; i < Rows; i++)
        {
            for (int j = First; j < Columns; j++)
            {
                tuned[(i * Columns) + j] += (float)(10 / Math.Sqrt((Rows - First) * (Columns - First)));
            }
        }

        IntruderCount count = transposed
            ? new IntruderDimensions().Count("a", Transpose(original), Transpose(tuned), Columns)
            : new IntruderDimensions().Count("a", original, tuned, Rows);
        Assert.Equal(1, count.Count);
        Assert.Equal(IntruderDimensions.DefaultLeading, count.Looked);
        Assert.InRange(count.LowestSimilarity, 0, 0.2);

        // A small one is none: it turns no leading vector.
        float[] slight = [.. original.Zip(tuned, (before, after) => before + (0.001f * (after - before)))];
        Assert.Equal(0, new IntruderDimensions().Count("a", original, slight, Rows).Count);
    }

    [Fact]
    public void One_base_serves_several_adapters_and_another_base_is_not_taken_for_it()
    {
        float[] first = Numbers.Values(4, Rows * Columns), second = Numbers.Values(5, Rows * Columns);
        var intruders = new IntruderDimensions();
        Assert.Equal(0, intruders.Count("a", first, first, Rows).Count);
        Assert.Equal(10, intruders.Count("a", first, second, Rows).Count);
        Assert.Equal(0, intruders.Count("a", second, second, Rows).Count);
    }

    /// <summary>Singular values 0.9^i.</summary>
    private static float[] Diagonal() =>
        [.. Enumerable.Range(0, Rows * Columns).Select(e => e / Columns == e % Columns ? (float)Math.Pow(0.9, e % Columns) : 0f)];

    private static float[] Transpose(float[] matrix) =>
        [.. Enumerable.Range(0, matrix.Length).Select(e => matrix[(e % Rows * Columns) + (e / Rows)])];
}
