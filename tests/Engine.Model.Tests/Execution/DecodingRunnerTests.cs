using Engine.Devices;
using Engine.Kernels.Tests;
using Engine.Model.Batching;
using Engine.Model.Execution;
using Engine.Model.Loading;
using Engine.Tests;

namespace Engine.Model.Tests.Execution;

/// <summary>Decoding with a key/value cache gives what the whole forward pass gives.</summary>
public sealed class DecodingRunnerTests
{
    private static readonly string[] Decoders = ["qwen2", "qwen3", "llama"];

    public static TheoryData<string, string> OnDevices => TestDevices.QuickWith<string>(Decoders);

    public static TheoryData<string, string> OthersOnDevices => TestDevices.QuickWith<string>(GoldenBatch.OtherDecoders);

    [Theory]
    [MemberData(nameof(OnDevices))]
    [SharedMemberData(nameof(OthersOnDevices))]
    public void Token_by_token_logits_are_those_of_the_whole_forward_pass(string deviceName, string name)
    {
        using var golden = new GoldenBatch(name);
        float[] whole = WholeLogits(golden, deviceName);
        using var decoding = new Decoding(golden, deviceName, golden.Batch.RowCount, capacity: 64, stepTokens: 512);

        // All rows start together, and each ends with its own length: the others go on beside empty rows.
        for (int position = 0; position < golden.Batch.LongestRow; position++)
        {
            int[] rows = [.. Enumerable.Range(0, golden.Batch.RowCount).Where(row => position < Length(golden, row))];
            float[] logits = decoding.Run([.. rows.Select(row => Tokens(golden, row, position, 1))]);
            Check(golden, whole, rows.Select(row => golden.Batch.RowStart[row] + position), logits);
        }
    }

    /// <summary>Prompts are cut into pieces of 8 tokens, which end within rows and between them.</summary>
    [Theory]
    [MemberData(nameof(OnDevices))]
    [SharedMemberData(nameof(OthersOnDevices))]
    public void Prompts_of_unequal_length_in_pieces_have_the_logits_of_the_whole_forward_pass(string deviceName, string name)
    {
        using var golden = new GoldenBatch(name);
        float[] whole = WholeLogits(golden, deviceName);
        using var decoding = new Decoding(golden, deviceName, golden.Batch.RowCount, capacity: 64, stepTokens: 8);
        int[] rows = [.. Enumerable.Range(0, golden.Batch.RowCount)];
        float[] logits = decoding.Run([.. rows.Select(row => Tokens(golden, row, 0, Length(golden, row)))]);
        Check(golden, whole, rows.Select(row => golden.Batch.RowStart[row + 1] - 1), logits);
    }

    [Fact]
    public void A_row_goes_on_from_where_it_was_cut()
    {
        using var golden = new GoldenBatch("qwen2");
        float[] whole = WholeLogits(golden, "cpu");
        using var decoding = new Decoding(golden, "cpu", 1, capacity: 32, stepTokens: 512);
        decoding.Run([Tokens(golden, 0, 0, 9)]);

        // Other tokens from place 4 on, which must leave no trace.
        decoding.Runner.Truncate(0, 4);
        decoding.Run([new RowTokens(0, new[] { 3, 9, 27, 81, 50, 60, 70, 80 })]);
        decoding.Runner.Truncate(0, 4);
        Assert.Equal(4, decoding.Runner.Length(0));
        Check(golden, whole, [Length(golden, 0) - 1], decoding.Run([Tokens(golden, 0, 4, Length(golden, 0) - 4)]));
    }

    [Fact]
    public void Going_on_allocates_nothing_managed_on_the_device_side()
    {
        using var golden = new GoldenBatch("qwen2");
        using var decoding = new Decoding(golden, "cpu", 2, capacity: 32, stepTokens: 512);
        RowTokens[] feeds = [Tokens(golden, 0, 0, 1), Tokens(golden, 1, 0, 1)];
        float[] logits = new float[2 * golden.Architecture.OutputSize];
        decoding.Runner.Run(feeds, logits);
        decoding.Runner.Run(feeds, logits);
        long before = GC.GetAllocatedBytesForCurrentThread();
        decoding.Runner.Run(feeds, logits);
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    [Fact]
    public void What_the_cache_cannot_hold_and_what_is_no_token_is_refused()
    {
        using var golden = new GoldenBatch("qwen2");
        using var decoding = new Decoding(golden, "cpu", 1, capacity: 4, stepTokens: 512);
        decoding.Run([new RowTokens(0, new[] { 1, 2, 3 })]);
        Assert.Contains(
            "3 tokens and gets 2 more", Assert.Throws<ArgumentException>(() => decoding.Run([new RowTokens(0, new[] { 1, 2 })])).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "token 384", Assert.Throws<DataFileException>(() => decoding.Run([new RowTokens(0, new[] { 384 })])).Message,
            StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => decoding.Run([new RowTokens(1, new[] { 1 })]));
        Assert.Contains(
            "256 positions", Assert.Throws<ArgumentException>(() => new DecodingRunner(decoding.Device, decoding.Model, 1, 257)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void An_encoder_cannot_go_on()
    {
        using var golden = new GoldenBatch("roberta-mlm");
        using var decoding = new Decoding(golden, "cpu", 1, capacity: 4, stepTokens: 512);
        Assert.Contains(
            "RobertaForMaskedLM cannot go on",
            Assert.Throws<NotSupportedException>(() => decoding.Run([new RowTokens(0, new[] { 1 })])).Message, StringComparison.Ordinal);
    }

    private static int Length(GoldenBatch golden, int row) => golden.Batch.RowStart[row + 1] - golden.Batch.RowStart[row];

    private static RowTokens Tokens(GoldenBatch golden, int row, int first, int count) =>
        new(row, golden.Batch.InputIds.AsMemory(golden.Batch.RowStart[row] + first, count));

    /// <summary>The logits of the whole forward pass, which are those of Transformers.</summary>
    private static float[] WholeLogits(GoldenBatch golden, string deviceName)
    {
        using var loaded = new LoadedModel(golden.Folder, null, train: false, golden.Capacity, deviceName);
        ModelRun run = loaded.Run(golden.Batch, new RunnerOptions { EveryToken = true, VocabularyLogits = true });
        golden.CheckLogits(run, "base");
        return run.Logits;
    }

    /// <summary>Holds rows of logits against those of the whole pass at these tokens.</summary>
    private static void Check(GoldenBatch golden, float[] whole, IEnumerable<int> tokens, float[] logits)
    {
        int vocabulary = golden.Architecture.OutputSize;
        foreach ((int i, int token) in tokens.Index())
        {
            // Both are float32 sums in other orders: 1e-5 is ten times what PyTorch itself is off from double precision on these models.
            double scale = 0, difference = 0;
            for (int j = 0; j < vocabulary; j++)
            {
                double expected = whole[(token * vocabulary) + j];
                scale = Math.Max(scale, Math.Abs(expected));
                difference = Math.Max(difference, Math.Abs(expected - logits[(i * vocabulary) + j]));
            }

            Assert.True(difference <= 1e-5 * scale, $"token {token}: off by {difference:E2} of {scale:E2}");
        }
    }

    private sealed class Decoding : IDisposable
    {
        private readonly long bytesBefore;

        public Decoding(GoldenBatch golden, string deviceName, int rows, int capacity, int stepTokens)
        {
            Device = TestDevices.Open(deviceName);
            bytesBefore = Device.Memory.Current;
            Model = new TransformerModel(golden.Architecture, new Tuning.Frozen());
            Model.Allocate(Device);
            ModelLoading.LoadWeights(Model, ModelFolder.Open(golden.Folder), seed: 1);
            Runner = new DecodingRunner(Device, Model, rows, capacity, stepTokens);
        }

        public Device Device { get; }

        public TransformerModel Model { get; }

        public DecodingRunner Runner { get; }

        public float[] Run(RowTokens[] feeds)
        {
            float[] logits = new float[feeds.Length * Model.Architecture.OutputSize];
            Runner.Run(feeds, logits);
            return logits;
        }

        public void Dispose()
        {
            Runner.Dispose();
            Model.Dispose();
            Assert.Equal(bytesBefore, Device.Memory.Current);
            Device.Dispose();
        }
    }
}
