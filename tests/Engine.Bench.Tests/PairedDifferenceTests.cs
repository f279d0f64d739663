using Engine.Bench.Study;

namespace Engine.Bench.Tests;

/// <summary>Differences over seeds and their intervals.</summary>
public sealed class PairedDifferenceTests
{
    /// <summary>NIST/SEMATECH e-Handbook of Statistical Methods, table 1.3.6.7.2, to the three digits that it prints.</summary>
    [Theory]
    [InlineData(1, 12.706)]
    [InlineData(2, 4.303)]
    [InlineData(3, 3.182)]
    [InlineData(4, 2.776)]
    [InlineData(9, 2.262)]
    [InlineData(30, 2.042)]
    [InlineData(100, 1.984)]
    public void Bounds_are_those_of_the_published_table(int freedom, double published) =>
        Assert.Equal(published, PairedDifference.Bound(freedom), 0.0006);

    /// <summary>Differences 1, 2, 3, 6: mean 3, deviation sqrt(14 / 3), t = 3.182446 for three degrees of freedom; by hand.</summary>
    [Fact]
    public void Difference_is_over_the_seeds_that_both_have()
    {
        var values = new Dictionary<ulong, double> { [0] = 11, [1] = 22, [2] = 33, [5] = 56, [9] = 1000 };
        var reference = new Dictionary<ulong, double> { [5] = 50, [2] = 30, [1] = 20, [0] = 10, [7] = -1000 };
        PairedDifference difference = PairedDifference.Of(values, reference)!;
        Assert.Equal((3, 4), (difference.Mean, difference.Pairs));
        Assert.Equal(3.182446 * Math.Sqrt(14.0 / 3) / 2, difference.HalfWidth, 1e-5);
        Assert.False(difference.IsShown);
    }

    [Fact]
    public void One_pair_has_no_interval_and_shows_nothing()
    {
        PairedDifference difference =
            PairedDifference.Of(new Dictionary<ulong, double> { [3] = 2 }, new Dictionary<ulong, double> { [3] = 1 })!;
        Assert.Equal((1, 1), (difference.Mean, difference.Pairs));
        Assert.True(double.IsNaN(difference.HalfWidth));
        Assert.False(difference.IsShown);
        Assert.Null(PairedDifference.Of(new Dictionary<ulong, double> { [3] = 2 }, new Dictionary<ulong, double>()));
    }

    [Fact]
    public void Difference_is_shown_where_the_interval_leaves_out_zero()
    {
        var reference = new Dictionary<ulong, double> { [0] = 0, [1] = 0, [2] = 0 };
        Assert.True(PairedDifference.Of(new Dictionary<ulong, double> { [0] = -1, [1] = -1.1, [2] = -0.9 }, reference)!.IsShown);
    }
}
