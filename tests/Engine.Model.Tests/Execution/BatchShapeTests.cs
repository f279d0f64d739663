using Engine.Devices;
using Engine.Devices.Cpu;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Model.Execution;
using Engine.Model.HuggingFace;
using Engine.Model.Loading;
using Engine.Tests;

namespace Engine.Model.Tests.Execution;

/// <summary>What a batch is put together from does not change what its texts compute.</summary>
public sealed class BatchShapeTests
{
    /// <summary>Float32 in another order of sums: some epsilons of logits that are near 1.</summary>
    private const float Tolerance = 5e-6f;

    [Theory]
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
        int[][] groupings = [[0, 1, 2, 3, 4], [4, 4, 4], [3, 0], [2], .. Enumerable.Range(1, 30).Where(count => count % 7 == 1)
            .Select(count => Enumerable.Repeat(1, count).ToArray())];
        using var loaded = new LoadedModel(golden.Folder, golden.AdapterFolder, train: false, new BatchShape(32, 1024, 32));
        golden.CheckLogits(loaded.Run(golden.Batch, new RunnerOptions()), "lora");
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

    [Fact]
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

    /// <summary>
    /// Kernels go by blocks of 64 tokens of a row: powers of two from there on are few, and at most half of the longest row's blocks have
    /// no work.
    /// </summary>
    [Fact]
    public void The_bound_of_rows_follows_the_longest_row_and_not_the_tokens_of_the_batch()
    {
        using var golden = new GoldenBatch("roberta-cls");
        foreach ((int[] lengths, int bound) in ((int[], int)[])[([3, 5], 32), ([60, 3, 64], 64), ([65, 3, 60], 128),
            ([.. Enumerable.Repeat(20, 100)], 64), ([200, .. Enumerable.Repeat(20, 100)], 256)])
        {
            var batch = RaggedBatch.FromRows([.. lengths.Select(length => (new int[length], (int[]?)null))]);
            BatchShape shape = BatchShape.Of(golden.Architecture, batch);
            Assert.Equal(bound, shape.LongestRow);
            Assert.Equal(shape, BatchShape.Of(golden.Architecture, lengths.Length, lengths.Sum(), 0, lengths.Max()));
        }

        Assert.Equal(2048, new BatchShape(8, 2048, 8).LongestRow);
    }

    /// <summary>
    /// Two batches of as many tokens, the longest rows of 20 and of 130: attention's masks number the keys of the first text alike in both.
    /// </summary>
    [Fact]
    public void Dropout_of_a_text_does_not_depend_on_the_batchs_longest_row()
    {
        var architecture = ArchitectureCatalog.Create(ModelConfig.Parse("""
            {
              "architectures": ["BertForSequenceClassification"], "model_type": "bert", "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24,
              "max_position_embeddings": 256, "vocab_size": 40, "type_vocab_size": 2, "hidden_act": "gelu", "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.3
            }
            """), HeadKind.SequenceClassification);
        int[] text = [.. Enumerable.Range(0, 20).Select(i => i % 40)];
        RaggedBatch[] batches = [Batch([.. Enumerable.Repeat(13, 10)]), Batch([130])];
        BatchShape[] shapes = [.. batches.Select(batch => BatchShape.Of(architecture, batch))];
        Assert.Equal(shapes[0].Tokens, shapes[1].Tokens);
        Assert.NotEqual(shapes[0].LongestRow, shapes[1].LongestRow);
        using Device device = new CpuDevice();
        using var model = new TransformerModel(architecture, new Tuning.Frozen());
        using var inputs = new BatchInputs(architecture, shapes[0].Max(shapes[1]));
        using var arena = new Arena(device);
        model.Allocate(device);
        inputs.Block.Allocate(device);
        ModelWeights.InitializeAll(model, seed: 1);
        using var dropping = new ModelRunner(device, model, inputs, arena, new RunnerOptions { Dropout = true });
        using var plain = new ModelRunner(device, model, inputs, arena, new RunnerOptions());
        float[] First(ModelRunner runner, RaggedBatch batch) => runner.Run(batch, "test").Logits[..architecture.OutputSize];
        float[] expected = First(dropping, batches[0]);
        Assert.All(expected.Zip(First(dropping, batches[1])), pair => Assert.Equal(pair.First, pair.Second, Tolerance));
        Assert.True(expected.Zip(First(plain, batches[0])).Max(pair => Math.Abs(pair.First - pair.Second)) > 100 * Tolerance);

        RaggedBatch Batch(int[] others) =>
            RaggedBatch.FromRows([(text, (int[]?)null), .. others.Select(length => (new int[length], (int[]?)null))]);
    }

    [Fact]
    public void A_batch_that_exceeds_the_capacity_is_refused()
    {
        using var golden = new GoldenBatch("roberta-cls");
        using var loaded = new LoadedModel(golden.Folder, null, train: false, new BatchShape(2, 64, 2));
        Assert.Contains("capacity", Assert.Throws<ArgumentException>(() => loaded.Run(golden.Batch, new RunnerOptions())).Message);
    }
}
