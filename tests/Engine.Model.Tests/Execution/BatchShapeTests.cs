using Engine.Model.Batching;
using Engine.Model.Execution;
using Engine.Tests;

namespace Engine.Model.Tests.Execution;

/// <summary>What a batch is put together from does not change what its texts compute.</summary>
public sealed class BatchShapeTests
{
    /// <summary>Float32 in another order of sums: some epsilons of logits that are near 1.</summary>
    private const float Tolerance = 5e-6f;

    [SharedTheory]
    [InlineData("roberta-cls")]
    [InlineData("roberta-regression")]
    [InlineData("bert-cls")]
    public void A_text_has_the_same_logits_and_loss_alone_and_in_batches_of_any_shape(string name)
    {
        using var golden = new GoldenBatch(name);
        (int[], int[]?)[] rows = [.. Enumerable.Range(0, golden.Batch.RowCount).Select(row =>
        {
            Range range = golden.Batch.RowStart[row]..golden.Batch.RowStart[row + 1];
            return (golden.Batch.InputIds[range], (int[]?)golden.Batch.TypeIds[range]);
        })];

        // 30 times the longest rows: more than one bucket (64, 128, ...), with dead tails of many lengths.
        int[][] groupings = [[0, 1, 2, 3, 4], [4, 4, 4], [3, 0], [2], .. Enumerable.Range(1, 30).Where(count => count % 7 == 1).Select(count => Enumerable.Repeat(1, count).ToArray())];
        using var loaded = new LoadedModel(golden.Folder, golden.AdapterFolder, train: false, new BatchShape(32, 1024, 32));
        (float[] Logits, float Loss)[] alone = [.. rows.Select((_, row) => Run(row).Single())];
        foreach (int[] grouping in groupings)
        {
            foreach ((int place, (float[] logits, float loss)) in Run(grouping).Index())
            {
                Assert.All(alone[grouping[place]].Logits.Zip(logits), pair => Assert.Equal(pair.First, pair.Second, Tolerance));
                Assert.Equal(alone[grouping[place]].Loss, loss, Tolerance);
            }
        }

        (float[] Logits, float Loss)[] Run(params int[] grouping)
        {
            RaggedBatch batch = RaggedBatch.FromRows([.. grouping.Select(row => rows[row])]) with
            {
                ClassLabels = golden.Batch.ClassLabels is { } labels ? [.. grouping.Select(row => labels[row])] : null,
                Targets = golden.Batch.Targets is { } targets ? [.. grouping.Select(row => targets[row])] : null,
            };
            ModelRun run = loaded.Run(batch, new RunnerOptions());
            float[] logits = run.Logits, losses = run.RowLosses;
            int width = golden.Architecture.OutputSize;
            Assert.Equal(losses.Average(), run.Loss, Tolerance);
            return [.. grouping.Select((_, place) => (logits[(place * width)..((place + 1) * width)], losses[place]))];
        }
    }

    [SharedFact]
    public void A_batch_without_labels_has_no_loss_whatever_ran_before()
    {
        foreach (string name in (string[])["roberta-cls", "roberta-regression"])
        {
            using var golden = new GoldenBatch(name);
            using var loaded = new LoadedModel(golden.Folder, null, train: false, golden.Capacity);
            Assert.NotEqual(0f, loaded.Run(golden.Batch, new RunnerOptions()).Loss);
            Assert.Equal(0f, loaded.Run(golden.Batch with { ClassLabels = null, Targets = null }, new RunnerOptions()).Loss);
        }
    }

    [SharedFact]
    public void A_batch_that_exceeds_the_capacity_is_refused()
    {
        using var golden = new GoldenBatch("roberta-cls");
        using var loaded = new LoadedModel(golden.Folder, null, train: false, new BatchShape(2, 64, 2));
        Assert.Contains("capacity", Assert.Throws<ArgumentException>(() => loaded.Run(golden.Batch, new RunnerOptions())).Message);
    }
}
