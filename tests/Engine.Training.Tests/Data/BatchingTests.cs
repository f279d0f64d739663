using Engine.Devices;
using Engine.Model.Batching;
using Engine.Optim;
using Engine.Training.Data;

namespace Engine.Training.Tests.Data;

public sealed class BatchingTests
{
    private static readonly int[] Lengths = RandomLengths(1003);

    [Fact]
    public void An_epoch_holds_every_example_once_and_the_partial_batch_last()
    {
        LengthBucketedSampler sampler = new(Lengths, 16, seed: 7);
        IReadOnlyList<int[]> batches = sampler.Batches(3);
        Assert.Equal(63, sampler.BatchesPerEpoch);
        Assert.Equal(63, batches.Count);
        Assert.Equal(Enumerable.Range(0, 1003), batches.SelectMany(batch => batch).Order());
        Assert.All(batches.SkipLast(1), batch => Assert.Equal(16, batch.Length));
        Assert.Equal(1003 % 16, batches[^1].Length);
    }

    [Fact]
    public void Epochs_and_seeds_differ_and_repeat_exactly()
    {
        Assert.Equal(new LengthBucketedSampler(Lengths, 16, 7).Batches(3), new LengthBucketedSampler(Lengths, 16, 7).Batches(3));
        Assert.NotEqual(new LengthBucketedSampler(Lengths, 16, 7).Batches(3), new LengthBucketedSampler(Lengths, 16, 7).Batches(4));
        Assert.NotEqual(new LengthBucketedSampler(Lengths, 16, 7).Batches(3), new LengthBucketedSampler(Lengths, 16, 8).Batches(3));
    }

    [Fact]
    public void Batches_hold_texts_of_like_length_and_plain_shuffling_does_not()
    {
        double Waste(int window) => new LengthBucketedSampler(Lengths, 16, 7, window).Batches(0)
            .Average(batch => 1 - (batch.Average(index => (double)Lengths[index]) / batch.Max(index => Lengths[index])));
        Assert.True(Waste(LengthBucketedSampler.DefaultWindow) < 0.1);
        Assert.True(Waste(1) > 0.4);
    }

    /// <summary>Written with LINQ's stable sort, as the order of every published run was drawn.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    public void Windows_are_sorted_by_length_and_texts_of_one_length_keep_their_random_order(int window)
    {
        const int Size = 16;
        PhiloxGenerator shuffle = new(7, RandomStream.Shuffle, 2), places = new(7, RandomStream.BatchOrder, 2);
        int[] order = shuffle.Permutation(Lengths.Length);
        int whole = Lengths.Length / Size;
        int[][] sorted = [.. order.Take(whole * Size).Chunk(window * Size)
            .SelectMany(some => (window > 1 ? some.OrderBy(index => Lengths[index]) : some.AsEnumerable()).Chunk(Size))];
        int[][] expected = [.. places.Permutation(whole).Select(place => sorted[place]), order[(whole * Size)..]];
        Assert.Equal(expected, new LengthBucketedSampler(Lengths, Size, 7, window).Batches(2));
    }

    [Fact]
    public void Evaluation_order_covers_the_file_once()
    {
        IReadOnlyList<int[]> batches = SequentialBatches.ByLength(Lengths, 32);
        Assert.Equal(Enumerable.Range(0, 1003), batches.SelectMany(batch => batch).Order());
        int[] lengths = [.. batches.SelectMany(batch => batch).Select(index => Lengths[index])];
        Assert.Equal(lengths.OrderDescending(), lengths);
    }

    [Fact]
    public void Buckets_are_few_and_waste_little()
    {
        SortedSet<int> buckets = [];
        for (int tokens = 0; tokens <= 65_536; tokens++)
        {
            int bucket = TokenBuckets.RoundUp(tokens);
            buckets.Add(bucket);
            Assert.True(bucket >= tokens && bucket % TokenBuckets.Multiple == 0 && TokenBuckets.RoundUp(bucket) == bucket);
            Assert.True(bucket - tokens <= TokenBuckets.Multiple || bucket - tokens <= bucket / 8.0, $"{tokens} -> {bucket}");
        }

        Assert.True(buckets.Count < 70);
    }

    [Fact]
    public void Rows_lie_one_after_another_and_the_tail_is_dead()
    {
        EncodedSet set = new([([5, 6, 7], [0, 0, 1]), ([8], null), ([9, 10], null)]) { ClassLabels = [1, 0, 2], Targets = [0.5f, 1, 2] };
        RaggedBatch batch = set.Batch([2, 0]).PadTo(8);
        Assert.Equal([9, 10, 5, 6, 7, 0, 0, 0], batch.InputIds);
        Assert.Equal([0, 1, 0, 1, 2, 0, 0, 0], batch.Positions);
        Assert.Equal([0, 0, 1, 1, 1, -1, -1, -1], batch.Rows);
        Assert.Equal([0, 0, 0, 0, 1, 0, 0, 0], batch.TypeIds);
        Assert.Equal([0, 2, 5], batch.RowStart);
        Assert.Equal([2, 1], batch.ClassLabels!);
        Assert.Equal([2, 0.5f], batch.Targets!);
        Assert.Equal((5, 2, 8, 3), (batch.TokenCount, batch.RowCount, batch.Capacity, batch.LongestRow));
        Assert.Equal([3, 1, 2], set.Lengths);
    }

    [Fact]
    public void Indices_outside_their_tables_are_refused()
    {
        RaggedBatch batch = RaggedBatch.FromRows([([5, 6], [0, 1]), ([7], null)]) with { ClassLabels = [-100, 3] };
        batch.RequireWithin("f", vocabularySize: 8, maxLength: 2, typeVocabularySize: 2);
        Assert.Contains(
            "input_ids: row 1, token 0 is 7", Assert.Throws<DataFileException>(() => batch.RequireWithin("f", 7, 2, 2)).Message);
        Assert.Contains(
            "token_type_ids: row 0, token 1 is 1", Assert.Throws<DataFileException>(() => batch.RequireWithin("f", 8, 2, 0)).Message);
        Assert.Contains("a row has 2 tokens", Assert.Throws<DataFileException>(() => batch.RequireWithin("f", 8, 1, 2)).Message);
        Assert.Contains("row 1 has 3", Assert.Throws<DataFileException>(() => batch.RequireClasses("f", 3)).Message);
        Assert.Throws<DataFileException>(() => (batch with { InputIds = [-1, 0, 0] }).RequireWithin("f", 8, 2, 2));
    }

    private static int[] RandomLengths(int count)
    {
        PhiloxGenerator generator = new(1, 2, 3);
        return [.. Enumerable.Range(0, count).Select(i => 5 + generator.Below((ulong)i, 100))];
    }
}
