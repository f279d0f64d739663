using Engine.Training.Data;

namespace Engine.Training.Tests.Data;

public sealed class SamplePackerTests
{
    [Fact]
    public void Every_sample_is_in_one_pack_and_no_pack_is_longer_than_allowed()
    {
        Random random = new(5);
        for (int round = 0; round < 200; round++)
        {
            int maxLength = 1 + random.Next(200);
            int[] lengths = [.. Enumerable.Range(0, 1 + random.Next(300)).Select(_ => 1 + random.Next(maxLength))];
            IReadOnlyList<int[]> packs = SamplePacker.Pack(lengths, maxLength);
            Assert.Equal(Enumerable.Range(0, lengths.Length), packs.SelectMany(pack => pack).Order());
            int[] sums = [.. packs.Select(pack => pack.Sum(sample => lengths[sample]))];
            Assert.All(sums, sum => Assert.InRange(sum, 1, maxLength));

            // Best fit opens a pack only where a sample fits no other, so that at most one is less than half full.
            Assert.True(sums.Count(sum => 2 * sum <= maxLength) <= 1);
            Assert.Equal(packs, SamplePacker.Pack(lengths, maxLength));
        }
    }

    [Fact]
    public void Samples_go_where_least_room_is_left() => Assert.Equal([[0], [1, 3], [2, 4]], SamplePacker.Pack([9, 7, 6, 3, 4], 10));

    [Fact]
    public void Sample_longer_than_a_pack_is_refused() =>
        Assert.Contains(
            "Sample 1 has 11 tokens", Assert.Throws<ArgumentException>(() => SamplePacker.Pack([1, 11], 10)).Message,
            StringComparison.Ordinal);
}
