using Engine.Devices;
using Engine.Model.Batching;
using Engine.Training.Federated;

namespace Engine.Training.Tests.Federated;

public sealed class ClientSplitTests
{
    private const int Rows = 600, Classes = 3;

    private static readonly int[] ClassOf = [.. Enumerable.Range(0, Rows).Select(row => row % Classes)];

    [Theory]
    [InlineData(10, 3)]
    [InlineData(7, 7)]
    [InlineData(600, 8)]
    public void Rows_are_dealt_out_once_in_parts_that_differ_by_one(int rows, int clients)
    {
        int[][] parts = ClientSplit.ByRow("train", rows, clients, 5);
        Assert.Equal(Enumerable.Range(0, rows), parts.SelectMany(part => part).Order());
        Assert.All(parts, part => Assert.InRange(part.Length, rows / clients, (rows + clients - 1) / clients));
        Assert.All(parts, part => Assert.Equal(part.Order(), part));
        Assert.NotEqual(parts, ClientSplit.ByRow("train", rows, clients, 6));
    }

    [Theory]
    [InlineData(0.01)]
    [InlineData(0.5)]
    [InlineData(1000)]
    public void Labels_are_dealt_out_once_and_no_client_goes_without(double concentration)
    {
        int[][] parts = ClientSplit.ByLabel("train", ClassOf, 4, concentration, 5);
        Assert.Equal(Enumerable.Range(0, Rows), parts.SelectMany(part => part).Order());
        Assert.All(parts, Assert.NotEmpty);
        Assert.Equal(parts, ClientSplit.ByLabel("train", ClassOf, 4, concentration, 5));
        Assert.NotEqual(parts, ClientSplit.ByLabel("train", ClassOf, 4, concentration, 6));
    }

    /// <summary>
    /// A share's variance is p (1 - p) / (clients * concentration + 1), p = 1/4: of 200 rows a deviation of 1.4 at 1000, nearly all or
    /// nothing at 0.01.
    /// </summary>
    [Fact]
    public void A_large_concentration_gives_all_alike_and_a_small_one_whole_classes()
    {
        int[] even = [.. Counts(1000)], skewed = [.. Counts(0.01)];
        Assert.All(even, count => Assert.InRange(count, 45, 55));
        Assert.True(skewed.Count(count => count is < 10 or > 190) >= 9, string.Join(' ', skewed));

        static IEnumerable<int> Counts(double concentration) =>
            from part in ClientSplit.ByLabel("train", ClassOf, 4, concentration, 5)
            from number in Enumerable.Range(0, Classes)
            select part.Count(row => ClassOf[row] == number);
    }

    /// <summary>
    /// Over n draws the mean's deviation is sqrt(variance / n), that of the estimated variance its value times sqrt(c / n), c below 30:
    /// five of each.
    /// </summary>
    [Theory]
    [InlineData(0.1)]
    [InlineData(1)]
    [InlineData(20)]
    public void Shares_have_the_mean_and_the_variance_of_a_dirichlet_distribution(double concentration)
    {
        const int Draws = 20_000, Clients = 5;
        double[] shares = [.. Enumerable.Range(0, Draws).Select(draw =>
        {
            double[] all = Dirichlet.Draw(new PhiloxGenerator(9, RandomStream.ClientShares, (uint)draw), Clients, concentration);
            Assert.Equal(1, all.Sum(), 1e-12);
            return all[3];
        })];
        double variance = 0.2 * 0.8 / ((Clients * concentration) + 1);
        Assert.Equal(0.2, shares.Average(), 5 * Math.Sqrt(variance / Draws));
        Assert.Equal(1, shares.Sum(share => (share - 0.2) * (share - 0.2)) / Draws / variance, 5 * Math.Sqrt(30.0 / Draws));
    }

    [Fact]
    public void Data_that_does_not_reach_is_an_error_that_says_what_to_change()
    {
        Require("federated.clients is 4, and there are 3 rows", () => ClientSplit.ByRow("train", 3, 4, 1));
        Require("raise federated.concentration", () => ClientSplit.ByLabel("train", new int[40], 40, 0.001, 1));
        Require("no row of it is left", () => ClientSplit.ByFile(["a", "b"], ["a", "a"]));

        static void Require(string message, Func<int[][]> split) =>
            Assert.Contains(message, Assert.Throws<DataFileException>(split).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Each_file_is_a_client()
    {
        Assert.Equal([[1, 2], [0, 3]], ClientSplit.ByFile(["b", "a"], ["a", "b", "b", "a"]));
    }

    [Theory]
    [InlineData(1, 8, 8)]
    [InlineData(0.5, 8, 4)]
    [InlineData(0.1, 30, 3)]
    [InlineData(0.01, 8, 1)]
    [InlineData(0.51, 8, 5)]
    public void A_round_has_the_share_of_clients_rounded_up(double share, int clients, int expected) =>
        Assert.Equal(expected, FederatedClients.Participating(share, clients));
}
