using Engine.Devices;
using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Kernels.Tests;
using Engine.Model.Adapters;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Model.Building;
using Engine.Model.Execution;
using Engine.Optim.Methods;
using Engine.Optim.Tests.Methods;

namespace Engine.Optim.Tests;

/// <summary>
/// LoRA dropout on layers that read one input, seen in the gradients of their A's: dA = s B^T dY^T (x * mask) of a single text of one token
/// is zero exactly where its layer dropped the input.
/// </summary>
public sealed class LoraDropoutTests
{
    private const float Probability = 0.4f;
    private const int Steps = 3;

    public static TheoryData<string, (string Method, bool UseDora)> Kinds =>
        TestDevices.With(("plain", false), ("plain", true), ("bi-lora", false), ("lora-sam", false), ("flat-lora", false));

    /// <summary>
    /// PEFT has a dropout module in each layer. The stream is the layer's number, the step the micro-batch; both passes of SAM draw the
    /// same.
    /// </summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void Every_layer_drops_by_the_mask_of_its_own_stream(string device, (string Method, bool UseDora) kind)
    {
        TrainingMethod method = MethodCatalog.Create(kind.Method).CreatePlugIn();
        using var run = new ToyRun(
            device, new SharedInputModel(),
            new Tuning.Lora([.. SharedInputModel.Layers.Select(layer => new LoraTarget(layer, 2, 2f, Probability, kind.UseDora))], []),
            method);
        AdapterInitialization.Start(run.Model, seed: 3);
        foreach (LoraLinear layer in run.Model.Adapters)
        {
            layer.B.View<float>().Write(Numbers.Values(layer.Index, layer.B.Shape.Count, 0.5));
        }

        RaggedBatch batch = RaggedBatch.FromRows([([3], null)]) with { Targets = [9] };
        for (int step = 0; step < Steps; step++)
        {
            run.Session.Step([batch, batch], 0.01, "test");
        }

        // Both micro-batches' gradients are summed: zero where both dropped.
        bool[][] masks = [.. run.Model.Adapters.Select(
            layer => Kept(layer.Index, (Steps - 1) * 2).Zip(Kept(layer.Index, ((Steps - 1) * 2) + 1), (a, b) => a || b).ToArray())];
        Assert.Equal(masks.Length, masks.Select(mask => string.Join(' ', mask)).Distinct().Count());
        foreach (LoraLinear layer in run.Model.Adapters)
        {
            Assert.Equal(masks[layer.Index], Pattern(layer.A.Gradient!));
            if (method.Auxiliary(layer) is { } auxiliary)
            {
                Assert.Equal(masks[layer.Index], Pattern(auxiliary.A.Gradient!));
            }
        }
    }

    [Theory]
    [MemberData(nameof(TestDevices.Names), MemberType = typeof(TestDevices))]
    public void Without_dropout_the_layers_of_one_input_share_their_product(string device)
    {
        using ToyRun shared = Run(0f), alone = Run(Probability);
        Assert.Contains("MatMul", Products(shared).Keys);
        Assert.True(Products(shared)["MatMul"] < Products(alone)["MatMul"], "without dropout the products with the A's are not one");

        ToyRun Run(float probability)
        {
            var made = new ToyRun(
                device, new SharedInputModel(),
                new Tuning.Lora([.. SharedInputModel.Layers.Select(layer => new LoraTarget(layer, 2, 2f, probability))], []),
                new PlainMethod());
            made.Session.Profile = new Profile();
            made.Session.Step([RaggedBatch.FromRows([([3], null)]) with { Targets = [9] }], 0.01, "test");
            return made;
        }

        Dictionary<string, long> Products(ToyRun run) => run.Session.Profile!.Rows.ToDictionary(row => row.Operator, row => row.Calls);
    }

    private static bool[] Kept(int layer, int microBatch) => [.. Enumerable.Range(0, SharedInputModel.Width).Select(element =>
        PhiloxReference.Word(element, ToyRun.Seed, RandomStream.LoraDropout + (uint)layer, (uint)microBatch)
            >= (uint)Math.Ceiling(Probability * 4294967296.0))];

    /// <summary>Where a gradient [rank, in] is not zero, the same in each of its rows.</summary>
    private static bool[] Pattern(Variable gradient)
    {
        bool[][] rows = [.. gradient.View<float>().ToArray().Select(value => value != 0).Chunk(SharedInputModel.Width)];
        Assert.All(rows, row => Assert.Equal(rows[0], row));
        return rows[0];
    }

    /// <summary>The sum of three linear layers of one input, as a text's prediction.</summary>
    private sealed class SharedInputModel : ToyModel
    {
        public const int Width = 64;

        public static readonly string[] Layers = ["query", "key", "value"];

        internal override IReadOnlyList<ParameterSpec> Parameters =>
            [new("table.weight", new Shape(VocabularySize, Width), ParameterInitialization.Normal),
                .. Layers.Select(layer => new ParameterSpec($"{layer}.weight", new Shape(1, Width), ParameterInitialization.Normal))];

        internal override IReadOnlyList<IReadOnlyList<LinearSpec>> LinearGroups =>
            [[.. Layers.Select(layer => new LinearSpec(layer, 1, Width))]];

        internal override ModelOutput Build(ForwardBuilder forward)
        {
            Tensor[] outputs = forward.Linears(
                forward.TakeSelected(forward.Graph.Embedding(forward.Parameter("table.weight"), forward.Batch.InputIds)), Layers);
            return new ModelOutput.Logits(forward.Graph.Add(forward.Graph.Add(outputs[0], outputs[1]), outputs[2]));
        }
    }
}
