using System.Text.Json;
using System.Text.Json.Serialization;
using Engine.Devices;
using Engine.Graph;
using Engine.Kernels.Tests;
using Engine.Model.Adapters;
using Engine.Model.Loading;
using Engine.Model;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Model.Execution;
using Engine.Common.Files;
using Engine.Optim.Sharpness;
using Engine.Optim.Tests.Methods;
using Engine.Tests;

namespace Engine.Optim.Tests.Sharpness;

/// <summary>The surface of a model: toy models whose Hessian is known, and real ones against differences of their loss.</summary>
public sealed class ModelSurfaceTests
{
    /// <summary>No rate may raise the loss; the critical one is infinite then.</summary>
    private static readonly JsonSerializerOptions WithInfinities = new()
    {
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    private const ulong Seed = 7;

    public static TheoryData<string> Devices => TestDevices.QuickNames;

    public static TheoryData<string, string> Models => TestDevices.QuickWith("roberta-cls", "roberta-regression", "qwen2");

    /// <summary>
    /// Targets of 0 make the loss 1/2 w^T H w with H_ii = 2 (how often token i occurs) / n, whichever batches the texts are in.
    /// </summary>
    [Theory]
    [MemberData(nameof(Devices))]
    public void A_table_s_quadratic_has_its_eigenvalue_trace_and_sharpness(string name)
    {
        using Device device = TestDevices.Open(name);
        using var model = new TransformerModel(new TableModel(), new Tuning.Full());
        model.Allocate(device);
        RaggedBatch Part(int[] tokens) =>
            RaggedBatch.FromRows([.. tokens.Select(token => (new[] { token }, (int[]?)null))]) with { Targets = new float[tokens.Length] };
        using var surface = new ModelSurface(device, model, [Part(ToyRun.Tokens[..5]), Part(ToyRun.Tokens[5..])], "test");
        double[] diagonal = [.. Enumerable.Range(0, 8).Select(token => 2.0 * ((token % 3) + 1) / ToyRun.Tokens.Length)];

        // At 0 there is no gradient.
        using (var probe = new SurfaceProbe(surface))
        {
            Assert.Equal(0, probe.OriginLoss);
            Assert.Equal(diagonal.Max(), TopEigenvalue.Measure(probe, 50, Seed).Value, 2e-3 * diagonal.Max());
            Assert.Equal(diagonal.Sum(), HessianTrace.Measure(probe, 3, Seed).Value, 1e-4 * diagonal.Sum());
        }

        float[] point = Numbers.Values(4, 8);
        surface.Point.View.Write(point);
        using (var probe = new SurfaceProbe(surface))
        {
            double[] gradient = [.. point.Select((w, i) => diagonal[i] * w)];
            using SurfaceVector measured = surface.Space.Create();
            Assert.Equal(point.Select((w, i) => 0.5 * diagonal[i] * w * w).Sum(), probe.GradientAt(measured), 1e-6);
            Numbers.Near(gradient, measured.View.ToArray(), 1e-6, 1e-7);
            double norm = Math.Sqrt(gradient.Sum(g => g * g));
            double rise = gradient.Select((g, i) => (0.1 * g * g / norm) + (0.5 * diagonal[i] * Math.Pow(0.1 * g / norm, 2))).Sum();
            Assert.Equal(rise, WorstCaseSharpness.Measure(probe, 0.1, 2, Seed).OneStep, 1e-6);
        }
    }

    /// <summary>
    /// (2 W1, W2 / 2) is the same function. Directions as long as the rows see the same landscape, bit for bit since 2 is a power of two;
    /// directions of a length of their own do not.
    /// </summary>
    [Theory]
    [MemberData(nameof(Devices))]
    public void A_rescaled_net_has_the_same_filter_normalised_landscape_and_another_raw_one(string name)
    {
        using Device device = TestDevices.Open(name);
        (double[] Normalised, double[] Raw) Curves(float scale)
        {
            using var model = new TransformerModel(new TwoLayerModel(), ToyRun.Layers);
            model.Allocate(device);
            ModelWeights.InitializeAll(model, seed: 3);
            foreach ((string weight,
                float factor) in (ReadOnlySpan<(string, float)>)[("first.weight", scale), ("second.weight", 1 / scale)])
            {
                ModelWeights.Write(
                    model.Parameter(weight), [.. model.Parameter(weight).View<float>().ToArray().Select(value => factor * value)]);
            }

            using var surface = new ModelSurface(device, model, [ToyRun.Batch(token => 0.1f * token)], "test");
            using var probe = new SurfaceProbe(surface);
            using SurfaceVector raw = surface.Space.Create();
            surface.Space.FillNormals(raw, Seed, 0);
            return ([.. LossLandscape.Line(probe, 1, 9, Seed).Losses[0]], [.. new[] { -0.5, 0, 0.5 }.Select(a => probe.LossAt((raw, a)))]);
        }

        (double[] normalised, double[] raw) = Curves(1);
        (double[] normalisedAgain, double[] rawAgain) = Curves(4);
        Assert.Equal(normalised, normalisedAgain);
        Assert.Equal(raw[1], rawAgain[1]);
        Assert.True(Math.Abs(raw[0] - rawAgain[0]) > 0.1 * raw[0], $"{raw[0]} and {rawAgain[0]}");
        Assert.True(Math.Abs(raw[2] - rawAgain[2]) > 0.1 * raw[2], $"{raw[2]} and {rawAgain[2]}");
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Surfaces_of_different_layers_have_the_same_directions_in_those_they_share(string name)
    {
        using Device device = TestDevices.Open(name);
        float[] Direction(params string[] parameters)
        {
            using var model = new TransformerModel(new TwoLayerModel(), new Tuning.Lora([], parameters));
            model.Allocate(device);
            ModelWeights.InitializeAll(model, seed: 3);
            using var surface = new ModelSurface(device, model, [ToyRun.Batch()], "test");
            using SurfaceVector direction = surface.Space.Create();
            surface.Space.FillDirection(direction, surface.Point, Seed, 0);
            return direction.View.ToArray();
        }

        float[] both = Direction("first.weight", "second.weight"), second = Direction("second.weight");
        Assert.Equal(second, both[^second.Length..]);
        Numbers.RequireComputed(second);
    }

    /// <summary>
    /// Along the gradient: first differences of the loss with steps of 1e-2 of the weights' length are off by 1e-7 / 1e-2 of a gradient
    /// near 1 and by the third derivative; second differences by 1e-7 / 1e-2^2 and by the fourth. The differences are float64 sums of
    /// float32 losses of rows.
    /// </summary>
    [Theory]
    [MemberData(nameof(Models))]
    public void Gradients_and_hessian_products_of_a_model_are_differences_of_its_loss(string name, string modelName)
    {
        using Device device = TestDevices.Open(name);
        using TransformerModel model = Load(device, modelName);
        using var surface = new ModelSurface(device, model, Batches(model.Architecture), "test");
        using var probe = new SurfaceProbe(surface);
        using SurfaceVector gradient = surface.Space.Create(), product = surface.Space.Create();
        probe.GradientAt(gradient);
        double norm = surface.Space.Norm(gradient);
        surface.Space.Normalize(gradient);
        const double H = 0.02;
        double up = probe.LossAt((gradient, H)), down = probe.LossAt((gradient, -H));
        Assert.Equal((up - down) / (2 * H), norm, 5e-3 * norm);

        probe.HessianProduct(gradient, product);
        double curvature = surface.Space.Dot(gradient, product), second = (up - (2 * probe.OriginLoss) + down) / (H * H);
        Assert.Equal(second, curvature, (0.02 * Math.Abs(second)) + 2e-3);
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Measuring_a_model_twice_gives_the_same_numbers_and_leaves_every_weight_as_it_was(string name, string modelName)
    {
        using Device device = TestDevices.Open(name);
        using TransformerModel model = Load(device, modelName);
        byte[][] before = Bits(model);
        long memory = device.Memory.Current;
        var options = new SharpnessOptions { Samples = 2, Iterations = 2, LanczosSteps = 2, AscentSteps = 2, Points = 3, Grid = 2 };
        string[] reports = [.. Enumerable.Range(0, 2).Select(_ =>
        {
            using var surface = new ModelSurface(device, model, Batches(model.Architecture), "test");
            (SpaceReport? report, bool complete) = SurfaceInstruments.Measure(surface, SharpnessSpace.Adapter, options);
            Assert.True(complete);
            Assert.True(report!.Loss > 0 && report.Eigenvalue!.Value != 0, $"a loss of {report.Loss}");
            return JsonSerializer.Serialize(report, WithInfinities);
        })];
        Assert.Equal(reports[0], reports[1]);
        Assert.Equal(before, Bits(model));
        Assert.Equal(memory, device.Memory.Current);
    }

    [Fact]
    public void Batches_without_a_label_are_refused()
    {
        using Device device = TestDevices.Open("cpu");
        using var model = new TransformerModel(new TableModel(), new Tuning.Full());
        model.Allocate(device);
        DataFileException refused = Assert.Throws<DataFileException>(
            () => new ModelSurface(device, model, [ToyRun.Batch() with { ClassLabels = null, Targets = null }], "rows.tsv"));
        Assert.Contains("rows.tsv", refused.Message, StringComparison.Ordinal);
        Assert.Contains("no row has a label", refused.Message, StringComparison.Ordinal);
    }

    /// <summary>A golden model under adapters whose factors are not zero.</summary>
    private static TransformerModel Load(Device device, string name)
    {
        ModelFolder folder = ModelFolder.Open(SharedFiles.Path($"goldens/models/{name}"));
        Architecture architecture = folder.CreateArchitecture();
        string[] modules = [.. architecture.LinearGroups.SelectMany(group => group)
            .Select(linear => linear.Module).Where(module => module.Contains("layer", StringComparison.Ordinal))];
        var model = new TransformerModel(
            architecture, new Tuning.Lora([.. modules[..4].Select(module => new LoraTarget(module, 2, 2f, 0.5f))], []));
        model.Allocate(device);
        ModelLoading.LoadWeights(model, folder, seed: 1);
        AdapterInitialization.Start(model, seed: 2);
        Variable b = model.Trainables!.AdapterB;
        b.View<float>().Write(Numbers.Values(5, b.Shape.Count, 0.1));
        return model;
    }

    /// <summary>Two batches of texts of unlike length.</summary>
    private static RaggedBatch[] Batches(Architecture architecture) => [Batch(architecture, 9, 4, 6), Batch(architecture, 3)];

    private static RaggedBatch Batch(Architecture architecture, params int[] lengths)
    {
        RaggedBatch batch = RaggedBatch.FromRows(
            [.. lengths.Select(length => (Numbers.Indices(length, length, architecture.VocabularySize), (int[]?)null))]);
        return architecture.Head switch
        {
            HeadKind.CausalLm => batch.WithNextTokenLabels(batch.InputIds),
            HeadKind.Regression => batch with { Targets = [.. lengths.Select(length => 0.1f * length)] },
            _ => batch with { ClassLabels = [.. lengths.Select(length => length % architecture.OutputSize)] },
        };
    }

    private static byte[][] Bits(TransformerModel model) => [.. model.Blocks.Where(block => block.Owner != "gradients").Select(block =>
    {
        var bytes = new byte[block.Bytes];
        block.Buffer.Read(bytes.AsSpan());
        return bytes;
    })];
}
