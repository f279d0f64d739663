using Engine.Devices;
using Engine.Model.Batching;
using Engine.Model.Execution;
using Engine.Tests;

namespace Engine.Model.Tests.Execution;

/// <summary>Dropout of embeddings, attention, layers and head at once, with only the rows that the loss reads computed.</summary>
public sealed class DropoutTests
{
    /// <summary>
    /// Losses near 1 are known to 1e-7, a step of 1e-2 along the gradient changes them by some 1e-2, and what is left of third order is
    /// below 1e-3: masks that differ between the passes would show as tens of percents.
    /// </summary>
    private const double Tolerance = 5e-3;

    private const float Step = 1e-2f;

    [Theory]
    [InlineData("roberta-cls")]
    [InlineData("roberta-mlm")]
    public void The_backward_pass_drops_what_the_forward_pass_dropped(string name)
    {
        using var golden = new GoldenBatch(name);
        using TemporaryFolder folder = WithDropout(golden.Folder);
        using var loaded = new LoadedModel(folder.Root, null, train: true, golden.Capacity);
        RequireSlope(loaded, golden, Step);
    }

    /// <summary>The loss rises along the gradient by its norm.</summary>
    private static void RequireSlope(LoadedModel loaded, GoldenBatch golden, float step)
    {
        loaded.Run(golden.Batch, Training);
        TrainableParameters trainables = loaded.Model.Trainables!;
        float[] gradient = trainables.Gradients.View<float>().ToArray();
        float[] values = trainables.Values.View<float>().ToArray();
        double norm = Math.Sqrt(gradient.Sum(value => (double)value * value));
        double slope = (LossAt(step) - LossAt(-step)) / (2 * step);
        Assert.InRange(slope / norm, 1 - Tolerance, 1 + Tolerance);

        float LossAt(float distance)
        {
            trainables.Values.View<float>().Write([.. values.Zip(gradient, (value, slope) => value + (float)(distance * slope / norm))]);
            return loaded.Run(golden.Batch, Training).Loss;
        }
    }

    [Fact]
    public void Evaluation_drops_nothing_and_another_step_drops_something_else()
    {
        using var golden = new GoldenBatch("roberta-cls");
        using TemporaryFolder folder = WithDropout(golden.Folder);
        using var loaded = new LoadedModel(folder.Root, null, train: true, golden.Capacity);
        golden.CheckOutputs(loaded.Run(golden.Batch, new RunnerOptions()), "base", hiddenStates: false);
        float[] first = loaded.Run(golden.Batch, Training).Logits, again = loaded.Run(golden.Batch, Training).Logits;
        loaded.Inputs.DropoutRandom.View<uint>().Write([0, 0, 1, 0]);
        float[] next = loaded.Run(golden.Batch, Training).Logits;
        Assert.Equal(first, again);
        Assert.NotEqual(first, next);
    }

    private static RunnerOptions Training => new() { Gradients = true, Dropout = true };

    /// <summary>The inputs of query, key and value are dropped by three masks, each made again in the backward pass.</summary>
    [Theory]
    [InlineData("roberta-cls")]
    [InlineData("qwen2")]
    public void The_backward_pass_drops_what_each_adapter_dropped(string name)
    {
        using var golden = new GoldenBatch(name);
        using TemporaryFolder adapter = WithLoraDropout(golden.AdapterFolder);
        using var loaded = new LoadedModel(golden.Folder, adapter.Root, train: true, golden.Capacity);
        Assert.All(loaded.Model.Adapters, layer => Assert.Equal(0.2f, layer.Dropout));

        // The goldens' adapters are large: along them the loss bends sooner.
        RequireSlope(loaded, golden, Step / 5);
    }

    /// <summary>The same adapter with dropout 0.2 on its inputs, 0 in the goldens.</summary>
    internal static TemporaryFolder WithLoraDropout(string folder)
    {
        var copy = new TemporaryFolder();
        foreach (string file in Directory.GetFiles(folder))
        {
            File.Copy(file, copy.File(Path.GetFileName(file)));
        }

        string config = File.ReadAllText(copy.File("adapter_config.json"));
        string dropped = config.Replace("\"lora_dropout\": 0.0", "\"lora_dropout\": 0.2", StringComparison.Ordinal);
        Assert.NotEqual(config, dropped);
        File.WriteAllText(copy.File("adapter_config.json"), dropped);
        return copy;
    }

    /// <summary>The same model with its dropout probabilities, all 0 in the goldens, set to 0.2.</summary>
    internal static TemporaryFolder WithDropout(string folder)
    {
        var copy = new TemporaryFolder();
        string config = File.ReadAllText(Path.Combine(folder, "config.json"));
        foreach (string key in (string[])["_dropout_prob", "attention_dropout"])
        {
            config = config.Replace($"{key}\": 0.0", $"{key}\": 0.2", StringComparison.Ordinal);
        }

        File.WriteAllText(copy.File("config.json"), config);
        foreach (string weights in Directory.GetFiles(folder, "model*"))
        {
            File.Copy(weights, copy.File(Path.GetFileName(weights)));
        }

        return copy;
    }
}
