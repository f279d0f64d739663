using Engine.Devices;
using Engine.Kernels.Tests;
using Engine.Model.Adapters;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Model.Execution;
using Engine.Model.Loading;
using Engine.Model.Peft;
using Engine.Safetensors;
using Engine.Tests;

namespace Engine.Model.Tests.Execution;

/// <summary>Rows of frozen tables that are trained: their gradients are those rows of the whole table's, which PyTorch computed.</summary>
public sealed class TokenRowsTests
{
    /// <summary>An embedding; one that is also the output layer, without and with a bias; an output layer; both apart.</summary>
    public static TheoryData<string, string, string[]> Tables()
    {
        var rows = new TheoryData<string, string, string[]>();
        foreach (string device in TestDevices.All)
        {
            rows.Add(device, "roberta-cls", ["roberta.embeddings.word_embeddings"]);
            rows.Add(device, "qwen2", ["model.embed_tokens"]);
            rows.Add(device, "roberta-mlm", ["roberta.embeddings.word_embeddings"]);
            rows.Add(device, "qwen3", ["lm_head", "model.embed_tokens"]);
        }

        return rows;
    }

    [Theory]
    [MemberData(nameof(Tables))]
    public void Gradients_of_single_rows_are_those_of_the_whole_table(string deviceName, string name, string[] modules)
    {
        using var golden = new GoldenBatch(name);
        int[] indices = [.. golden.Batch.InputIds.Distinct().Take(5), golden.Architecture.VocabularySize - 1];
        indices = [.. indices.Distinct()];
        using Device device = TestDevices.Open(deviceName);
        var tuning = new Tuning.Lora(
            [], [])
        { TokenRows = [.. modules.Select(module => new TokenTarget(module, indices, golden.Architecture.HiddenSize))] };
        using var model = new TransformerModel(golden.Architecture, tuning);
        model.Allocate(device);
        using Checkpoint weights = Checkpoint.Open(golden.Folder);
        ModelWeights.Load(model, weights, seed: 1);
        AdapterInitialization.Start(model, seed: 1);

        IReadOnlyList<HostTensor> results = PaddedForward.Run(device, model, Padded(golden), gradients: true, "golden");

        using SafetensorsFile expected = SafetensorsFile.Open(Path.Combine(golden.Folder, "expected.safetensors"));
        foreach (string module in modules)
        {
            float[] whole = expected[$"base.grad.{module}.weight"].ToFloat32();
            int columns = golden.Architecture.HiddenSize;
            float[] rows = [.. indices.SelectMany(index => whole[(index * columns)..((index + 1) * columns)])];
            float[] actual = results.Single(tensor => tensor.Name == $"grad.{module}.token_adapter.trainable_tokens_delta").Values;
            double difference = Math.Sqrt(rows.Zip(actual, (a, b) => Math.Pow(a - b, 2)).Sum());
            Assert.InRange(difference / Math.Sqrt(rows.Sum(value => (double)value * value)), 0, GoldenBatch.Tolerance);
        }

        Assert.InRange(Math.Abs(results.Single(tensor => tensor.Name == "loss").Values[0] - expected["base.loss"].ToFloat32()[0]), 0, 1e-4);
    }

    private static Batching.PaddedBatch Padded(GoldenBatch golden)
    {
        using SafetensorsFile file = SafetensorsFile.Open(Path.Combine(golden.Folder, "expected.safetensors"));
        return Batching.PaddedBatch.Read(file, golden.Architecture);
    }
}
