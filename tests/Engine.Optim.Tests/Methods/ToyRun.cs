using Engine.Devices;
using Engine.Kernels.Tests;
using Engine.Model.Adapters;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Model.Execution;
using Engine.Model.Loading;
using Engine.Optim.Methods;

namespace Engine.Optim.Tests.Methods;

/// <summary>A session on a toy model with seeded weights.</summary>
internal sealed class ToyRun : IDisposable
{
    /// <summary>Both layers of <see cref="TwoLayerModel"/> with adapters and dropout on their input.</summary>
    public static readonly Tuning Adapters =
        new Tuning.Lora([new LoraTarget("first", 2, 2f, 0.5f), new LoraTarget("second", 2, 2f, 0.5f)], []);

    /// <summary>The same of the form that a method trains, of a rank that GOAT's experts can share.</summary>
    public static Tuning AdaptersOf(Method method) => method.Form is not { } form
        ? Adapters
        : new Tuning.Lora(
            [new LoraTarget("first", 8, 2f, 0.5f) { Form = form }, new LoraTarget("second", 8, 2f, 0.5f) { Form = form }], []);

    /// <summary>The same without dropout.</summary>
    public static readonly Tuning UndroppedAdapters =
        new Tuning.Lora([new LoraTarget("first", 2, 2f, 0f), new LoraTarget("second", 2, 2f, 0f)], []);

    /// <summary>Its two layers trained whole, the table frozen.</summary>
    public static readonly Tuning Layers = new Tuning.Lora([], ["first.weight", "second.weight"]);

    private const double StartScale = 0.5;

    private readonly Device device;

    /// <summary>The run's seed, which keys its dropout.</summary>
    public const ulong Seed = 5;

    public ToyRun(
        string deviceName, Architecture architecture, Tuning tuning, TrainingMethod method, AdamWOptions? optimizer = null,
        int totalSteps = 20,
        LossOptions? loss = null)
    {
        device = TestDevices.Open(deviceName);
        Model = new TransformerModel(architecture, tuning);
        BatchShape shape = BatchShape.Of(architecture, Batch());
        Session = new TrainingSession(
            device, Model, method, optimizer ?? new AdamWOptions { WeightDecay = 0.1 }, shape, totalSteps, Seed, microBatches: 3,
            loss: loss);
        Model.Allocate(device);
        ModelWeights.InitializeAll(Model, seed: 3);
        Values = Numbers.Values(4, Model.Trainables!.Count, StartScale);
        Session.Allocate([shape], []);
        Session.Begin();
    }

    public TransformerModel Model { get; }

    public TrainingSession Session { get; }

    public float[] Values
    {
        get => Model.Trainables!.Values.View<float>().ToArray();
        set => Model.Trainables!.Values.View<float>().Write(value);
    }

    /// <summary>The gradients of the last step, those that the update used.</summary>
    public float[] Gradients => Model.Trainables!.Gradients.View<float>().ToArray();

    /// <summary>One token a text; token i is there i % 3 + 1 times.</summary>
    public static int[] Tokens => [.. Enumerable.Range(0, 8).SelectMany(token => Enumerable.Repeat(token, (token % 3) + 1))];

    /// <summary>Every text with its target (null: targets of 0), or its class.</summary>
    public static RaggedBatch Batch(Func<int, float>? target = null) =>
        RaggedBatch.FromRows([.. Tokens.Select(token => (new[] { token }, (int[]?)null))]) with
        {
            Targets = [.. Tokens.Select(token => target?.Invoke(token) ?? 0)],
            ClassLabels = [.. Tokens.Select(_ => 0)],
        };

    /// <summary>Finds that the steps trained: what compares two runs to the bit would hold of two that did nothing, too.</summary>
    public void RequireTrained()
    {
        float[] values = Values;
        Numbers.RequireComputed(values);
        Assert.NotEqual(Numbers.Values(4, values.Length, StartScale), values);
        Numbers.RequireComputed(Gradients);
    }

    public StepReport Step(double learningRate = 0, RaggedBatch? batch = null) =>
        Session.Step([batch ?? Batch(token => 0.1f * token)], learningRate, "test");

    public void Dispose()
    {
        Session.Dispose();
        Model.Dispose();
        device.Dispose();
    }
}
