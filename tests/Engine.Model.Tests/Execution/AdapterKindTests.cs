using Engine.Devices;
using Engine.Devices.Cpu;
using Engine.Graph;
using Engine.Kernels;
using Engine.Kernels.Tests;
using Engine.Model.Adapters;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Model.Execution;
using Engine.Common.Files;
using Engine.Model.Loading;
using Engine.Model.Peft;
using Engine.Safetensors;
using Engine.Tests;

namespace Engine.Model.Tests.Execution;

/// <summary>New adapters of each kind on a tiny model: how they start, what they save, and that PEFT's rules hold.</summary>
public sealed class AdapterKindTests
{
    private static readonly AdapterConfig Plain = new()
    {
        Rank = 4,
        LoraAlpha = 8,
        TargetModules = ModulePattern.Of("query", "value"),
        TaskType = AdapterConfig.SequenceClassification,
    };

    [Theory]
    [InlineData("true", false)]
    [InlineData("gaussian", false)]
    [InlineData("true", true)]
    [InlineData("pissa", false)]
    [InlineData("pissa", true)]
    [SharedInlineData("true", true, "gpt2")]
    [SharedInlineData("pissa", false, "gpt2")]
    [SharedInlineData("pissa", true, "modernbert-cls")]
    public void A_new_adapter_leaves_the_model_as_it_is(string start, bool dora, string name = "roberta-cls")
    {
        using var golden = new GoldenBatch(name);
        float[] before = Run(golden, null, start).Logits;
        float[] after = Run(golden, PlainFor(golden) with { UseDora = dora }, start).Logits;

        // Where B is zero not a bit changes; a magnitude over its norm, and a decomposition put together again, round.
        RequireNear(before, after, start == "pissa" || dora ? 1e-5 : 0);
    }

    [Fact]
    public void Pissa_takes_the_leading_part_out_of_the_weight()
    {
        using var golden = new GoldenBatch("roberta-cls");
        AdapterConfig config = Plain with { UseRslora = true };
        using var device = new CpuDevice(new CpuOptions { Threads = 2 });
        using TransformerModel model = Load(device, golden, config);
        LoraLinear layer = model.Adapters[1];
        float[] weight = layer.Weight.View<float>().ToArray();
        AdapterInitialization.Start(model, seed: 3, "pissa");
        float[] rest = layer.Weight.View<float>().ToArray(), a = layer.A.View<float>().ToArray(), b = layer.B.View<float>().ToArray();
        int columns = layer.Weight.Shape.Columns, rank = layer.Rank;
        for (int i = 0; i < weight.Length; i++)
        {
            double product = Enumerable.Range(0, rank).Sum(k => (double)b[(i / columns * rank) + k] * a[(k * columns) + (i % columns)]);
            Assert.Equal(weight[i], rest[i] + (layer.Scale * product), 1e-7);
        }

        // A A^T = B^T B = diag(sigma) / s: orthogonal directions of equal weight in both factors.
        double[] sigma = [.. Enumerable.Range(0, rank).Select(k => layer.Scale * Gram(a, k, k))];
        Assert.Equal(sigma.OrderDescending(), sigma);
        for (int k = 0; k < rank; k++)
        {
            for (int j = 0; j < rank; j++)
            {
                double expected = j == k ? sigma[k] / layer.Scale : 0;
                Assert.Equal(expected, Gram(a, k, j), 1e-6);
                Assert.Equal(expected, Enumerable.Range(0, b.Length / rank).Sum(i => (double)b[(i * rank) + k] * b[(i * rank) + j]), 1e-6);
            }
        }

        // What is left has the next singular value as its largest.
        double[] whole = SingularValues(weight), left = SingularValues(rest);
        Assert.Equal(whole[rank], left[0], 1e-5 * whole[rank]);

        double[] SingularValues(float[] matrix) =>
            [.. LowRankReference.Svd(LowRankReference.Matrix(matrix, weight.Length / columns, columns)).Sigma.OrderDescending()];

        double Gram(float[] rows, int k, int j) =>
            Enumerable.Range(0, columns).Sum(i => (double)rows[(k * columns) + i] * rows[(j * columns) + i]);
    }

    [Theory]
    [InlineData("pissa", false, false)]
    [InlineData("pissa_niter_4", false, true)]
    [InlineData("pissa", true, false)]
    [InlineData("true", true, false)]
    [SharedInlineData("pissa", false, false, "gpt2")]
    [SharedInlineData("pissa", true, false, "gpt2")]
    [SharedInlineData("true", true, true, "gpt2")]
    [SharedInlineData("pissa", true, false, "modernbert-cls")]
    public void A_saved_adapter_is_one_of_the_model_as_it_was_published(
        string start, bool dora, bool rslora, string name = "roberta-cls")
    {
        using var golden = new GoldenBatch(name);
        using var folder = new TemporaryFolder();
        AdapterConfig config = PlainFor(golden) with
        {
            UseDora = dora,
            UseRslora = rslora,
            InitLoraWeights = start,
            RankPattern = [new(name == "gpt2" ? "c_proj" : name == "roberta-cls" ? "value" : "Wi", 3)],
            AlphaPattern = [new(name == "gpt2" ? "c_proj" : name == "roberta-cls" ? "value" : "Wi", 5)],
        };
        float[] trained = Run(golden, config, start, model =>
        {
            foreach (LoraLinear layer in model.Adapters)
            {
                Variable[] parameters = layer.Magnitude is { } magnitude ? [layer.A, layer.B, magnitude] : [layer.A, layer.B];
                foreach (Variable parameter in parameters)
                {
                    parameter.View<float>()
                        .Write([.. parameter.View<float>().ToArray().Select((value, i) => (value * 1.3f) + (0.01f * ((i % 5) - 2)))]);
                }
            }

            ModelAdapters.Save(model, config, folder.Root);
        }).Logits;

        AdapterConfig saved = AdapterConfig.Read(folder.Root);
        Assert.Equal("true", saved.InitLoraWeights);
        Assert.Equal(start == "true" ? 4 : 8, saved.Rank);
        using var loaded = new LoadedModel(golden.Folder, folder.Root, train: false, golden.Capacity);
        RequireNear(trained, loaded.Run(golden.Batch, new RunnerOptions { VocabularyLogits = true }).Logits, 1e-5);
    }

    /// <summary>W' = diag(m / ||V_i||) V is the same for k V; a power of two scales without rounding.</summary>
    [Fact]
    public void Dora_sees_only_the_direction_of_the_rows_under_its_magnitudes()
    {
        const float K = 4;
        using var golden = new GoldenBatch("roberta-cls");
        AdapterConfig config = Plain with { UseDora = true };
        float[] logits = Run(golden, config, "true", FillB).Logits;
        float[] scaled = Run(golden, config, "true", model =>
        {
            FillB(model);
            foreach (LoraLinear layer in model.Adapters)
            {
                Scale(layer.Weight, K);
                Scale(layer.B, K);
                Scale(layer.BaseNorm!, K * K);
            }
        }).Logits;

        // The layer's bias is not scaled, so that the product with the scale is rounded once more.
        RequireNear(logits, scaled, 1e-6);

        static void Scale(Variable variable, float factor) =>
            variable.View<float>().Write([.. variable.View<float>().ToArray().Select(value => value * factor)]);
    }

    [Fact]
    public void Dropout_that_drops_nothing_is_no_dropout_for_dora_too()
    {
        using var golden = new GoldenBatch("roberta-cls");

        // One element in ten million would be dropped, and there are some thousand: PEFT's rule for dropout runs, on inputs that are what
        // they were.
        (float[] logits, float[] gradients) = Gradients(golden, Plain with { UseDora = true });
        (float[] dropped, float[] droppedGradients) = Gradients(golden, Plain with { UseDora = true, LoraDropout = 1e-7 });
        RequireNear(logits, dropped, 1e-5);
        RequireNear(gradients, droppedGradients, 1e-5);
    }

    [Fact]
    public void Factors_of_a_base_without_its_leading_part_are_refused()
    {
        using var golden = new GoldenBatch("roberta-cls");
        using var folder = new TemporaryFolder();
        foreach (string file in Directory.GetFiles(golden.AdapterFolder))
        {
            File.Copy(file, Path.Combine(folder.Root, Path.GetFileName(file)));
        }

        (AdapterConfig.Read(folder.Root) with { InitLoraWeights = "pissa" }).Write(folder.Root);
        var refusal = Assert.Throws<ModelFileException>(() => new LoadedModel(golden.Folder, folder.Root, train: false, golden.Capacity));
        Assert.Contains("path_initial_model_for_weight_conversion", refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("loftq")]
    [InlineData("eva")]
    [InlineData("false")]
    [InlineData("pissa_niter_x")]
    public void Other_starts_are_refused_with_the_reason(string start) => Assert.NotNull(AdapterInitialization.Problem(start));

    /// <summary>The adapter on two kinds of layers of the golden's family.</summary>
    private static AdapterConfig PlainFor(GoldenBatch golden) => golden.Architecture.ModelConfig.ModelType switch
    {
        "gpt2" => Plain with
        {
            TargetModules = ModulePattern.Of("c_attn", "c_proj"),
            TaskType = AdapterConfig.CausalLanguageModel,
            FanInFanOut = true,
        },
        "modernbert" => Plain with { TargetModules = ModulePattern.Of("Wqkv", "Wi") },
        _ => Plain,
    };

    private static (float[] Logits, float[] Gradients) Gradients(GoldenBatch golden, AdapterConfig config) =>
        Run(golden, config, "true", FillB);

    private static void FillB(TransformerModel model)
    {
        foreach (LoraLinear layer in model.Adapters)
        {
            layer.B.View<float>().Write([.. Enumerable.Range(0, (int)layer.B.Shape.Count).Select(i => 0.01f * ((i % 7) - 3))]);
        }
    }

    /// <summary>Logits of the golden's batch in a training pass and all gradients, with a new adapter, changed.</summary>
    private static (float[] Logits, float[] Gradients) Run(
        GoldenBatch golden, AdapterConfig? config, string start, Action<TransformerModel>? change = null)
    {
        using var device = new CpuDevice(new CpuOptions { Threads = 2 });
        using TransformerModel model = Load(device, golden, config);
        AdapterInitialization.Start(model, seed: 3, start);
        change?.Invoke(model);
        using var inputs = new BatchInputs(golden.Architecture, golden.Capacity);
        inputs.Block.Allocate(device);
        var scalars = new float[StepScalars.Count];
        scalars[StepScalars.LossScale] = 1;
        inputs.Scalars.View<float>().Write(scalars);
        using var arena = new Arena(device);
        bool trains = config is not null;
        using var runner = new ModelRunner(
            device, model, inputs, arena,
            new RunnerOptions { Gradients = trains, Dropout = config?.LoraDropout > 0, VocabularyLogits = true });
        ModelRun run = runner.Run(golden.Batch, "test");
        return (run.Logits, trains ? model.Trainables!.Gradients.View<float>().ToArray() : []);
    }

    private static TransformerModel Load(Device device, GoldenBatch golden, AdapterConfig? config)
    {
        ModelFolder folder = ModelFolder.Open(golden.Folder);
        Architecture architecture = folder.CreateArchitecture();
        var model = new TransformerModel(architecture, config is null ? new Tuning.Frozen() : ModelAdapters.Tuning(architecture, config));
        model.Allocate(device);
        using Checkpoint weights = folder.OpenWeights();
        ModelWeights.Load(model, weights, seed: 1);
        return model;
    }

    /// <summary>The norm of the difference over the norm; 0: not a bit may differ.</summary>
    private static void RequireNear(float[] expected, float[] actual, double tolerance)
    {
        if (tolerance == 0)
        {
            Assert.Equal(expected, actual);
            return;
        }

        double difference = Math.Sqrt(expected.Zip(actual, (a, b) => Math.Pow(a - b, 2)).Sum());
        Assert.InRange(difference / Math.Sqrt(expected.Sum(value => (double)value * value)), 0, tolerance);
    }
}
