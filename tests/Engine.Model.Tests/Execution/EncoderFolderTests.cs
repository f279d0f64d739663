using Engine.Model.Batching;
using Engine.Model.Execution;
using Engine.Safetensors;
using Engine.Tests;

namespace Engine.Model.Tests.Execution;

/// <summary>A folder that holds only an encoder: all-MiniLM-L6-v2, six layers of real weights under names without <c>bert.</c></summary>
public sealed class EncoderFolderTests
{
    /// <summary>Norm-wise; PyTorch's float32 is at 1e-6 (shared/goldens).</summary>
    private const double Tolerance = 1e-4;

    private const int Sentences = 4;
    private const int HiddenSize = 384;

    [SharedFact]
    public void Hidden_states_of_real_sentences_equal_those_of_transformers()
    {
        using SafetensorsFile golden = SafetensorsFile.Open(SharedFiles.Path("goldens/real/all-MiniLM-L6-v2.safetensors"));
        RaggedBatch batch = RaggedBatch.FromRows([.. Enumerable.Range(0, Sentences).Select(sentence =>
            (golden[$"input_ids.{sentence}"].ToInt32(), (int[]?)golden[$"token_type_ids.{sentence}"].ToInt32()))]);
        using LoadedModel loaded = Load(batch);
        ModelRun run = loaded.Run(batch, new RunnerOptions { HiddenStates = true });
        foreach ((int layer, float[] hidden) in run.HiddenStates.Index())
        {
            float[] expected = [.. Enumerable.Range(0, Sentences).SelectMany(sentence => golden[$"hidden.{layer}.{sentence}"].ToFloat32())];
            double difference = 0, norm = 0;
            for (int i = 0; i < expected.Length; i++)
            {
                difference += Math.Pow(expected[i] - hidden[i], 2);
                norm += Math.Pow(expected[i], 2);
            }

            Assert.True(
                Math.Sqrt(difference / norm) <= Tolerance, $"hidden state {layer}: off by {Math.Sqrt(difference / norm):E2} in norm");
        }

        Assert.Equal(7, run.HiddenStates.Count());
    }

    [SharedFact]
    public void The_head_is_initialised_and_that_is_said()
    {
        using LoadedModel loaded = Load(RaggedBatch.FromRows([(new[] { 101, 102 }, null)]));
        Assert.Equal(["classifier.bias", "classifier.weight"], loaded.Report.Initialized.Order(StringComparer.Ordinal));
        Assert.DoesNotContain(loaded.Report.Unused, name => name.EndsWith("weight", StringComparison.Ordinal));
        float[] weight = loaded.Model.Parameter("classifier.weight").View<float>().ToArray();

        // Normal with initializer_range 0.02: the deviation of 768 draws is within 5 / sqrt(2 * 768) = 13 % of it at five sigma.
        Assert.InRange(Math.Sqrt(weight.Average(value => (double)value * value)), 0.87 * 0.02, 1.13 * 0.02);
        Assert.Equal(0, weight.Length % HiddenSize);
        Assert.All(loaded.Model.Parameter("classifier.bias").View<float>().ToArray(), value => Assert.Equal(0f, value));
    }

    private static LoadedModel Load(RaggedBatch batch) => new(
        SharedFiles.Path("data/models/all-MiniLM-L6-v2"), null, train: false,
        new BatchShape(batch.RowCount, TokenBuckets.RoundUp(batch.TokenCount), batch.RowCount));
}
