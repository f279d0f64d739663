using Engine.Common;
using Engine.Devices;
using Engine.Graph;
using Engine.Kernels.Tests;
using Engine.Model.Adapters;
using Engine.Model.Loading;
using Engine.Model;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Model.Execution;
using Engine.Model.Peft;
using Engine.Optim.Methods;
using Engine.Tests;

namespace Engine.Optim.Tests;

/// <summary>What must hold of methods on LoRA factors whatever the numbers.</summary>
public sealed class AdapterMethodTests
{
    private const int Steps = 5;

    private static readonly AdapterConfig Adapter = new()
    {
        Rank = 4,
        LoraAlpha = 8,
        TargetModules = ModulePattern.Of("query", "value"),
        TaskType = AdapterConfig.SequenceClassification,
    };

    public static TheoryData<string, string> Methods => TestDevices.QuickWith("fm-lora", "efm-lora", "bi-lora");

    [Theory]
    [MemberData(nameof(Methods))]
    public void With_radius_zero_it_is_lora_bit_for_bit(string deviceName, string method)
    {
        var losses = new List<double>();
        (float[] plain, _) = Train(deviceName, new Plain(), losses: losses);
        (float[] trained, _) = Train(deviceName, WithRho(method, 0));
        Assert.True(losses[^1] < losses[0], $"the loss went from {losses[0]} to {losses[^1]}");
        Assert.Equal(plain.Select(BitConverter.SingleToInt32Bits), trained.Select(BitConverter.SingleToInt32Bits));
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public void The_base_weights_are_never_written_and_evaluation_sees_the_adapter_alone(string deviceName, string method)
    {
        (float[] trained, float[] logits) = Train(deviceName, WithRho(method, 0.2), check: (model, before) =>
        {
            foreach ((string name, float[] bits) in before)
            {
                Assert.Equal(bits, model.Parameter(name).View<float>().ToArray());
            }
        });
        (_, float[] again) = Train(deviceName, new Plain(), start: trained, steps: 0);
        Assert.Equal(again, logits);
        (float[] plain, _) = Train(deviceName, new Plain());
        Assert.NotEqual(plain, trained);
    }

    [Theory]
    [MemberData(nameof(TestDevices.QuickNames), MemberType = typeof(TestDevices))]
    public void A_perturbed_b_returns_to_the_bit(string deviceName)
    {
        var losses = new List<double>();
        (float[] start, _) = Train(deviceName, new Plain(), steps: 3, losses: losses);
        Assert.True(losses[^1] < losses[0], $"the loss went from {losses[0]} to {losses[^1]}");
        foreach (string method in (string[])["fm-lora", "efm-lora"])
        {
            (float[] after, _) = Train(deviceName, WithRho(method, 0.5), start: start, learningRate: 0);
            Assert.Equal(start, after);
        }
    }

    [Theory]
    [MemberData(nameof(TestDevices.QuickNames), MemberType = typeof(TestDevices))]
    public void The_auxiliary_climbs_and_stays_within_the_radius(string deviceName)
    {
        foreach (AuxiliaryOptimizer optimizer in Enum.GetValues<AuxiliaryOptimizer>())
        {
            foreach (AuxiliaryClip clip in (AuxiliaryClip[])[AuxiliaryClip.Global, AuxiliaryClip.PerLayer])
            {
                const double Rho = 0.3;

                // The primary all but stands still, so that what changes the training loss is the auxiliary.
                var losses = new List<double>();
                Train(
                    deviceName,
                    new BiLora
                    {
                        Rho = Rho,
                        AuxiliaryRank = 3,
                        Clip = clip,
                        AuxiliaryOptimizer = optimizer,
                        AuxiliaryLearningRate = optimizer == AuxiliaryOptimizer.Sgd ? 200 : 0.02,
                    },
                    learningRate: 1e-9,
                    losses: losses,
                    finished: session =>
                    {
                        double[] norms = [.. session.Model.Adapters.Select(layer => ProductNorm(session, layer))];
                        double norm = clip == AuxiliaryClip.Global ? Math.Sqrt(norms.Sum(value => value * value)) : norms.Max();
                        Assert.InRange(norm, 0.9 * Rho, Rho * (1 + 1e-6));
                    });
                Assert.True(losses[^1] > losses[0], $"{optimizer}, {clip}: the loss went from {losses[0]} to {losses[^1]}");
            }
        }
    }

    [Theory]
    [InlineData("EFlat-LoRA", "efm-lora")]
    [InlineData("dora", "use_dora")]
    [InlineData("flatlora", "2508.00522")]
    public void A_name_that_the_literature_uses_otherwise_is_explained(string name, string hint)
    {
        var error = Assert.Throws<ConfigurationException>(() => MethodCatalog.Create(name));
        Assert.Contains(hint, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Methods_that_do_not_fit_the_adapter_say_why()
    {
        var dora = Assert.Throws<ConfigurationException>(() => Train("cpu", new EfmLora(), adapter: Adapter with { UseDora = true }));
        Assert.Contains("use_dora", dora.Message, StringComparison.Ordinal);
        var rank = Assert.Throws<ConfigurationException>(() => Train("cpu", new FmLora(), adapter: Adapter with { Rank = 65 }));
        Assert.Contains("64", rank.Message, StringComparison.Ordinal);
        var two = Assert.Throws<ConfigurationException>(() => Train("cpu", new Together(new FmLora(), new BiLora())));
        Assert.Contains("do not go together", two.Message, StringComparison.Ordinal);
    }

    private static Method WithRho(string name, double rho) => MethodCatalog.Create(name) switch
    {
        FmLora method => method with { Rho = rho },
        EfmLora method => method with { Rho = rho },
        var method => (BiLora)method with { Rho = rho },
    };

    /// <summary>||s B2 A2|| of a layer's auxiliary, multiplied out.</summary>
    private static double ProductNorm(TrainingSession session, LoraLinear layer)
    {
        float[] Of(string factor) =>
            session.MethodState.Variables.Single(variable => variable.Name == $"auxiliary.{layer.Module}.{factor}").View<float>().ToArray();
        float[] a = Of("A"), b = Of("B");
        int columns = layer.A.Shape.Columns, rows = layer.B.Shape.Rows, rank = a.Length / columns;
        double sum = 0;
        for (int i = 0; i < rows; i++)
        {
            for (int j = 0; j < columns; j++)
            {
                double element = Enumerable.Range(0, rank).Sum(k => (double)b[(i * rank) + k] * a[(k * columns) + j]);
                sum += Math.Pow(layer.Scale * element, 2);
            }
        }

        return Math.Sqrt(sum);
    }

    /// <summary>Trains on one batch, again and again; the trainable values and the evaluation's logits afterwards.</summary>
    /// <param name="start">Trainable values to start from; null: a new adapter.</param>
    private static (float[] Values, float[] Logits) Train(
        string deviceName,
        Method method,
        int steps = Steps,
        double learningRate = 1e-2,
        float[]? start = null,
        AdapterConfig? adapter = null,
        List<double>? losses = null,
        Action<TransformerModel, (string Name, float[] Bits)[]>? check = null,
        Action<TrainingSession>? finished = null)
    {
        using Device device = TestDevices.Open(deviceName);
        Architecture architecture = ModelFolder.Open(SharedFiles.Path("goldens/models/roberta-cls")).CreateArchitecture();
        using var model = new TransformerModel(architecture, ModelAdapters.Tuning(architecture, adapter ?? Adapter));
        RaggedBatch batch =
            RaggedBatch.FromRows([.. new[] { 9, 5, 12 }.Select(length => (Enumerable.Range(5, length).ToArray(), (int[]?)null))]) with
            {
                ClassLabels = [0, 1, 1]
            };
        BatchShape shape = BatchShape.Of(architecture, batch);
        using var session = new TrainingSession(
            device,
            model,
            method.CreatePlugIn(),
            new AdamWOptions { LearningRate = learningRate, WeightDecay = 0.01 },
            shape,
            Math.Max(1, steps),
            seed: 1);
        model.Allocate(device);
        ModelWeights.InitializeAll(model, seed: 3);
        AdapterInitialization.Start(model, seed: 3);
        if (start is not null)
        {
            model.Trainables!.Values.View<float>().Write(start);
        }

        (string Name, float[] Bits)[] before = [.. architecture.Parameters
            .Where(spec => !model.SavedParameters.Any(saved => saved.Name == spec.Name))
            .Select(spec => (spec.Name, model.Parameter(spec.Name).View<float>().ToArray()))];
        session.Allocate([shape], [shape]);
        session.Begin();
        for (int step = 0; step < steps; step++)
        {
            double loss = session.Step([batch], learningRate, "test").Loss;
            losses?.Add(loss);
        }

        check?.Invoke(model, before);
        finished?.Invoke(session);
        return (model.Trainables!.Values.View<float>().ToArray(), session.Evaluate(batch, "test").Logits);
    }
}
