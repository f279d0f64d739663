using System.Diagnostics;
using System.Text.Json;
using Engine.Devices;
using Engine.Kernels;
using Engine.Model.Adapters;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Model.Execution;
using Engine.Optim;
using Engine.Optim.Methods;

namespace Engine.Bench;

/// <summary>
/// LoRA steps of 512 tokens of a Qwen2.5-0.5B-shaped model (rank 8 on query and value; products in the weights' type on a device with
/// matrix units), beside the bare matrix products of a step: forward and input gradient of every frozen matrix. The requirement is a
/// fraction of at least 0.75.
/// </summary>
internal static class QwenStepBench
{
    private const int Tokens = 512;
    private const int Rounds = 4;

    public static void Run(Device device, ElementType type)
    {
        using TransformerModel model = Model(type, Measurement.Products(device, type));
        RaggedBatch batch = Batch(model.Architecture);
        BatchShape shape = BatchShape.Of(model.Architecture, batch);
        device.Memory.ResetPeak();
        TrainingMethod plain = new Plain().CreatePlugIn();
        using var session = new TrainingSession(device, model, plain, new AdamWOptions(), shape, totalSteps: 100, seed: 1);
        long forecast = device.Memory.Current + session.Forecast([shape], []).Values.Sum();
        model.Allocate(device);
        RandomWeights.Fill(model);
        session.Allocate([shape], []);
        session.Begin();
        session.Step([batch], 1e-4, "benchmark");
        long peak = device.Memory.Peak;

        using DeviceBuffer x = device.Allocate((long)Tokens * model.Architecture.VocabularySize * sizeof(float), "x"),
            y = device.Allocate(x.Bytes, "y");
        using DeviceBuffer workspace = device.Allocate(x.Bytes, "workspace");
        x.Clear();
        Launch[] products = [.. Products(device, model, x.View<float>(), y.View<float>(), workspace.View<float>())];
        double step = double.PositiveInfinity, bare = double.PositiveInfinity;
        for (int round = 0; round < Rounds; round++)
        {
            step = Math.Min(step, Seconds(() => session.Step([batch], 1e-4, "benchmark")));
            bare = Math.Min(bare, Seconds(() =>
            {
                Array.ForEach(products, product => product.Enqueue());
                device.Synchronize();
            }));
        }

        var profile = new Engine.Graph.Profile();
        session.Profile = profile;
        session.Step([batch], 1e-4, "benchmark");
        Array.ForEach(products, product => product.Dispose());
        Console.WriteLine(JsonSerializer.Serialize(new
        {
            commit = Measurement.Commit,
            device = device.ToString(),
            benchmark = "qwen-step",
            type = type.ToString(),
            products = model.Products.ToString(),
            products_by = Measurement.ProductsBy(device),
            tokens = Tokens,
            seconds = step,
            products_seconds = bare,
            fraction_of_product_limit = Math.Round(bare / step, 3),
            peak_bytes = peak,
            forecast_bytes = forecast,
            milliseconds_by_operator = profile.Rows.ToDictionary(row => row.Operator, row => Math.Round(row.Time.TotalMilliseconds, 1)),
        }));
    }

    /// <summary>The model with its adapters.</summary>
    internal static TransformerModel Model(ElementType type, ElementType products)
    {
        Architecture architecture = ModelShapes.Qwen25Half;
        return new TransformerModel(
            architecture, ModelAdapters.Tuning(architecture, ModelShapes.Adapter(architecture)), type)
        { Products = products };
    }

    internal static RaggedBatch Batch(Architecture architecture)
    {
        int[] ids = [.. Enumerable.Range(0, Tokens).Select(i => (i + 1) * 7919 % architecture.VocabularySize)];
        return RaggedBatch.FromRows([(ids, (int[]?)null)]).WithNextTokenLabels(ids);
    }

    /// <summary>
    /// Forward and input gradient of every linear layer and of the tied output layer; nothing below the first layer's adapters has a
    /// gradient.
    /// </summary>
    private static IEnumerable<Launch> Products(
        Device device, TransformerModel model, BufferView<float> x, BufferView<float> y, BufferView<float> workspace)
    {
        IEnumerable<(string Module, int Out, int In)> linears = model.Architecture.LinearGroups.SelectMany(group => group)
            .Select(linear => (linear.Module, linear.OutFeatures, linear.InFeatures))
                .Append(("model.embed_tokens", model.Architecture.VocabularySize, model.Architecture.HiddenSize));
        foreach ((string module, int outputs, int inputs) in linears)
        {
            WeightView weight = model.Parameter($"{module}.weight").Weight();
            yield return MatMul.Bind(
                device, new MatMulShape(Tokens, outputs, inputs, MatMulLayout.NT) { Products = model.Products }, x, weight,
                y, workspace: workspace);
            if (!module.StartsWith("model.layers.0.self_attn.", StringComparison.Ordinal)
                || module.EndsWith("o_proj", StringComparison.Ordinal))
            {
                yield return MatMul.Bind(
                    device, new MatMulShape(Tokens, inputs, outputs, MatMulLayout.NN) { Products = model.Products }, x, weight, y,
                    workspace: workspace);
            }
        }
    }

    private static double Seconds(Action action)
    {
        long start = Stopwatch.GetTimestamp();
        action();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
