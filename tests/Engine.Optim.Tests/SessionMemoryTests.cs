using Engine.Devices;
using Engine.Devices.Cpu;
using Engine.Graph;
using Engine.Kernels;
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

/// <summary>Memory of a training session: known before it is taken, and none of it managed once the plans are made.</summary>
[Collection(nameof(Alone))]
public sealed class SessionMemoryTests
{
    /// <summary>One optimizer step makes one <see cref="StepReport"/>.</summary>
    private const int ManagedBytesPerStep = 72;

    /// <summary>Bi-LoRA's default.</summary>
    private const int AuxiliaryRank = 8;

    public static TheoryData<string, string> Runs => new()
    {
        { "roberta-cls", "full" },
        { "roberta-cls", "lora" },
        { "roberta-cls", "flat-lora" },
        { "roberta-cls", "flat-lora-ggpo" },
        { "roberta-cls", "lora-sam-lesam" },
        { "roberta-cls", "logits-sam" },
        { "roberta-mlm", "full" },
        { "roberta-regression", "lora" },
        { "bert-cls", "flat-lora" },
        { "roberta-cls", "lora-sam" },
        { "roberta-cls", "sam" },
        { "roberta-cls", "esam" },
        { "roberta-mlm", "esam" },
        { "roberta-cls", "looksam" },
        { "roberta-cls", "sl-sam" },
        { "roberta-cls", "nbar" },
        { "roberta-cls", "fm-lora" },
        { "qwen2", "efm-lora" },
        { "roberta-regression", "bi-lora" },
        { "qwen2", "full" },
        { "llama", "lora" },
        { "roberta-cls", "beamlora" },
        { "llama", "beamlora" },
        { "roberta-cls", "goat" },
        { "llama", "goat" },
        { "roberta-cls", "effilora" },
        { "qwen2", "esam" },
        { "roberta-cls", "scalora" },
        { "qwen2", "xgblora" },
        { "llama", "halora" },
        { "roberta-cls", "sd-lora" },
        { "llama", "sd-lora" },
        { "roberta-cls", "la-lora" },
        { "qwen2", "la-lora" },
    };

    [Theory]
    [MemberData(nameof(Runs))]
    public void Forecast_is_the_counted_peak_to_the_byte(string name, string methodName)
    {
        using Device device = new CpuDevice(new CpuOptions { Threads = 2 });
        Architecture architecture = ModelFolder.Open(SharedFiles.Path($"goldens/models/{name}")).CreateArchitecture();
        foreach (int[] lengths in (int[][])[[1], [23, 9, 4], [30, 30, 30, 30, 30, 7, 1]])
        {
            RaggedBatch[] batches = [Batch(architecture, lengths), Batch(architecture, lengths[..1])];
            BatchShape[] shapes = [.. batches.Select(batch => BatchShape.Of(architecture, batch))];
            long before = device.Memory.Current;
            device.Memory.ResetPeak();
            using (var model = new TransformerModel(architecture, TuningOf(architecture, name, methodName)))
            using (var session = new TrainingSession(device, model, MethodOf(methodName), new AdamWOptions(), Largest(shapes), 10, seed: 1))
            {
                IReadOnlyDictionary<string, long> forecast = session.Forecast(shapes, shapes);
                Assert.Equal(before, device.Memory.Current);
                Start(device, model, session, shapes);
                foreach (RaggedBatch batch in batches)
                {
                    session.Step([batch], 1e-3, "test");
                    session.Evaluate(batch, "test");
                }

                Assert.Equal(forecast.Values.Sum(), device.Memory.Peak - before);
                foreach ((string owner, long bytes) in forecast.Where(pair => pair.Value > 0))
                {
                    Assert.Equal(bytes, device.Memory.ByOwner()[owner]);
                }
            }

            Assert.Equal(before, device.Memory.Current);
        }
    }

    /// <summary>Which rows the second pass runs is known only in the step; whichever they are, they fit.</summary>
    [Theory]
    [InlineData("roberta-cls")]
    [InlineData("roberta-mlm")]
    [InlineData("qwen2")]
    public void Every_selection_of_esam_fits_the_forecast(string name)
    {
        using Device device = new CpuDevice(new CpuOptions { Threads = 2 });
        Architecture architecture = ModelFolder.Open(SharedFiles.Path($"goldens/models/{name}")).CreateArchitecture();
        RaggedBatch[] batches = [.. Enumerable.Range(0, 24)
            .Select(step => Batch(architecture, [.. Enumerable.Range(0, 8).Select(row => 1 + ((((step * 8) + row) * 37) % 30))]))];
        BatchShape[] shapes = [.. batches.Select(batch => BatchShape.Of(architecture, batch))];
        foreach (double gamma in (double[])[0.2, 0.5, 0.9])
        {
            long before = device.Memory.Current;
            device.Memory.ResetPeak();
            using var model = new TransformerModel(architecture, TuningOf(architecture, name, "esam"));
            var method = new EsamMethod(new() { Rho = 0.05, Beta = 0.6, Gamma = gamma, SelectionSeed = 1 });
            using var session = new TrainingSession(device, model, method, new AdamWOptions(), Largest(shapes), 100, seed: 1);
            long forecast = session.Forecast(shapes, shapes).Values.Sum();
            Start(device, model, session, shapes);
            foreach (RaggedBatch batch in batches)
            {
                session.Step([batch], 1e-3, "test");
            }

            Assert.Equal(forecast, device.Memory.Peak - before);
        }
    }

    [Theory]
    [InlineData("roberta-cls", "flat-lora")]
    [InlineData("roberta-mlm", "full")]
    [InlineData("roberta-regression", "lora")]
    [InlineData("roberta-cls", "lora-sam")]
    [InlineData("roberta-cls", "esam")]
    [InlineData("qwen2", "esam")]
    [InlineData("roberta-cls", "looksam")]
    [InlineData("roberta-cls", "sl-sam")]
    [InlineData("roberta-cls", "obar")]
    [InlineData("roberta-cls", "flat-lora-ggpo")]
    [InlineData("roberta-cls", "lora-sam-lesam")]
    [InlineData("roberta-cls", "logits-sam")]
    [InlineData("roberta-cls", "fm-lora")]
    [InlineData("roberta-cls", "efm-lora")]
    [InlineData("roberta-cls", "bi-lora")]
    [InlineData("roberta-cls", "scalora")]
    [InlineData("roberta-cls", "xgblora")]
    [InlineData("roberta-cls", "beamlora")]
    [InlineData("roberta-cls", "goat")]
    [InlineData("roberta-cls", "effilora")]
    [InlineData("roberta-cls", "halora")]
    [InlineData("roberta-cls", "sd-lora")]
    [InlineData("roberta-cls", "la-lora")]
    [InlineData("qwen2", "lora")]
    public void A_step_that_ran_before_allocates_only_its_report(string name, string methodName)
    {
        // One thread, so that all of the work is counted here.
        using Device device = new CpuDevice(new CpuOptions { Threads = 1 });
        Architecture architecture = ModelFolder.Open(SharedFiles.Path($"goldens/models/{name}")).CreateArchitecture();
        RaggedBatch[] batches = [Batch(architecture, [5, 3])];
        BatchShape[] shapes = [BatchShape.Of(architecture, batches[0])];
        using var model = new TransformerModel(architecture, TuningOf(architecture, name, methodName));
        using var session = new TrainingSession(device, model, MethodOf(methodName), new AdamWOptions(), Largest(shapes), 200, seed: 1);
        Start(device, model, session, shapes);
        session.Step(batches, 1e-3, "test");

        // A collection that another test causes counts the rest of this thread's allocation chunk, 8 KiB: the least of three counts has
        // none.
        long least = long.MaxValue;
        for (int round = 0; round < 3; round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int step = 0; step < 100; step++)
            {
                session.Step(batches, 1e-3, "test");
            }

            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        Assert.InRange(least, 0, 100 * ManagedBytesPerStep);
    }

    /// <summary>
    /// In float32 numbers: the copy of what is perturbed, LookSAM's direction, Flat-LoRA's deviation of each row, LoRA-GGPO's gradient
    /// norms beside it, EFMLoRA's average and copy of B, Bi-LoRA's factors with gradients and moments, five numbers a column for ScaLoRA,
    /// the boosters but the last for XGBLoRA, and nothing for BAR and LoRA+. The arena is plain LoRA's but for two: Flat-LoRA's holds the
    /// perturbed weight that is being read, and Bi-LoRA's the wider products with the A's, which the backward pass reads, and the joined
    /// factors of layers that share an input.
    /// </summary>
    [Fact]
    public void A_methods_memory_is_what_its_page_says()
    {
        using Device device = new CpuDevice(new CpuOptions { Threads = 1 });
        Architecture architecture = ModelFolder.Open(SharedFiles.Path("goldens/models/roberta-cls")).CreateArchitecture();
        RaggedBatch[] batches = [Batch(architecture, [60, 60, 60, 60, 60, 60, 60, 60]), Batch(architecture, [4])];
        BatchShape[] shapes = [.. batches.Select(batch => BatchShape.Of(architecture, batch))];
        IReadOnlyDictionary<string, long> plain = Forecast("lora", out TransformerModel model);
        long trainable = model.Trainables!.Count;
        long adapters = model.Adapters.Sum(layer => layer.A.Shape.Count + layer.B.Shape.Count);
        long factorsB = model.Adapters.Sum(layer => layer.B.Shape.Count);
        long auxiliary = model.Adapters.Sum(layer => AuxiliaryRank * (layer.A.Shape.Columns + (long)layer.B.Shape.Rows));
        long rows = model.Adapters.Sum(layer => layer.Weight.Shape.Rows);
        long adaptedRanks = model.Adapters.Sum(layer => layer.Rank);
        long scales = model.Adapters.Sum(layer => (5 * layer.Rank) + 1);
        int tensors = model.Trainables.Entries.Count;
        long output = model.Trainables.Entries.Where(entry => entry.Name.StartsWith("classifier.out_proj.", StringComparison.Ordinal))
            .Sum(entry => entry.Value.Shape.Count);
        int capacity = shapes.Max(shape => shape.Rows);
        long largestWeight = model.Adapters.Max(layer => layer.Weight.Shape.Count);
        long joinedFactors = model.Adapters.GroupBy(layer => layer.GroupA)
            .Max(group => group.Sum(layer => (layer.Rank + AuxiliaryRank) * (layer.A.Shape.Columns + (long)layer.B.Shape.Rows)));
        long widerProducts = (long)AuxiliaryRank * shapes.Max(shape => shape.Tokens) * model.Adapters.Count;
        foreach ((string name, long numbers, long masks, long samples) in ((string, long, long, long)[])[
            ("flat-lora", rows, 0, 0),
            ("flat-lora-ggpo", 2 * rows, 0, 0),
            ("lora-sam-lesam", adapters, 0, 0),
            ("logits-sam", output, 0, 0),
            ("sam", trainable, 0, 0),
            ("asam", trainable, 0, 0),
            ("lora-sam", adapters, 0, 0),
            ("looksam", 2 * adapters, 0, 0),
            ("esam", adapters, 2 * model.Adapters.Count, 3 * capacity),
            ("sl-sam", trainable, tensors + (tensors * StepScalars.Count), 0),
            ("fm-lora", factorsB, 0, 0),
            ("efm-lora", 2 * factorsB, 0, 0),
            ("bi-lora", 4 * auxiliary, 0, 0),
            ("lora-plus", 0, 0, 0),
            ("scalora", scales, 0, 0),
            ("xgblora", 9 * adapters, adaptedRanks, 0),
            ("obar", 0, 0, 0),
            ("nbar", 0, 0, 0)])
        {
            IReadOnlyDictionary<string, long> forecast = Forecast(name, out _);
            Assert.Equal(sizeof(float) * numbers, forecast["method"]);
            Assert.Equal(sizeof(float) * samples, forecast.GetValueOrDefault("sample losses"));

            // What tells a launch where tensors lie: some words a tensor, whatever their sizes.
            long table = forecast["tables"] - (sizeof(float) * masks);
            Assert.InRange(table, 0, sizeof(int) * 8L * tensors);
            foreach (string owner in plain.Keys.Except(["method", "tables", "report", "arena"]))
            {
                Assert.Equal(plain[owner], forecast[owner]);
            }

            long growth = forecast["arena"] - plain["arena"];
            Assert.InRange(growth, 0, sizeof(float) * name switch
            {
                "flat-lora" or "flat-lora-ggpo" => largestWeight,
                "bi-lora" => widerProducts + joinedFactors,
                _ => 0,
            });
            Assert.Equal(name == "bi-lora", growth > largestWeight);
        }

        IReadOnlyDictionary<string, long> Forecast(string methodName, out TransformerModel model)
        {
            using var built = new TransformerModel(architecture, TuningOf(architecture, "roberta-cls", methodName));
            using var session = new TrainingSession(device, built, MethodOf(methodName), new AdamWOptions(), Largest(shapes), 10, seed: 1);
            model = built;
            return session.Forecast(shapes, []);
        }
    }

    /// <summary>Flat-LoRA's perturbed weights are made again in every pass that reads them.</summary>
    [Theory]
    [MemberData(nameof(Runs))]
    public void Gradient_checkpointing_changes_no_bit_of_a_run_and_shrinks_the_forecast_arena(string name, string methodName)
    {
        using Device device = new CpuDevice(new CpuOptions { Threads = 2 });
        Architecture architecture = ModelFolder.Open(SharedFiles.Path($"goldens/models/{name}")).CreateArchitecture();
        RaggedBatch batch = Batch(architecture, [30, 30, 30, 30, 30, 7, 1]);
        BatchShape[] shapes = [BatchShape.Of(architecture, batch)];
        (float[] values, long arena) = Run(false);
        (float[] checkpointed, long smaller) = Run(true);
        Assert.Equal(values, checkpointed);
        Assert.True(smaller < arena, $"an arena of {smaller} bytes with checkpointing, {arena} without");

        (float[] Values, long Arena) Run(bool checkpointing)
        {
            using var model = new TransformerModel(architecture, TuningOf(architecture, name, methodName));
            using var session = new TrainingSession(
                device, model, MethodOf(methodName), new AdamWOptions(), shapes[0], 10, seed: 1, gradientCheckpointing: checkpointing);
            long arena = session.Forecast(shapes, [])["arena"];
            Assert.Equal(arena, session.ArenaBytes(checkpointing, shapes, []));
            Start(device, model, session, shapes, []);
            for (int step = 0; step < 3; step++)
            {
                session.Step([batch], 1e-3, "test");
            }

            Assert.Equal(arena, device.Memory.ByOwner()["arena"]);
            return (model.Trainables!.Values.View<float>().ToArray(), arena);
        }
    }

    private static void Start(
        Device device, TransformerModel model, TrainingSession session, BatchShape[] shapes, BatchShape[]? evaluationShapes = null)
    {
        model.Allocate(device);
        ModelWeights.InitializeAll(model, seed: 3);
        AdapterInitialization.Start(model, seed: 3);
        session.Allocate(shapes, evaluationShapes ?? shapes);
        session.Begin();
    }

    private static Tuning TuningOf(Architecture architecture, string name, string methodName)
    {
        if (methodName == "full")
        {
            return new Tuning.Full();
        }

        AdapterConfig config = AdapterConfig.Read(SharedFiles.Path($"goldens/models/{name}/adapter"));
        return ModelAdapters.Tuning(architecture, methodName switch
        {
            "lora" => config,
            "goat" => config with { Form = new Goat().Form, Rank = new Goat().Experts },
            _ => config with { Form = MethodCatalog.Create(methodName).Form },
        });
    }

    private static TrainingMethod MethodOf(string methodName) => methodName is "full" or "lora" ? new PlainMethod() : Named(methodName);

    private static TrainingMethod Named(string methodName) => MethodCatalog.Create(methodName).CreatePlugIn();

    private static BatchShape Largest(BatchShape[] shapes) => shapes.Aggregate((a, b) => a.Max(b));

    private static RaggedBatch Batch(Architecture architecture, int[] lengths)
    {
        RaggedBatch batch = RaggedBatch.FromRows([.. lengths.Select(length => (Enumerable.Range(5, length).ToArray(), (int[]?)null))]);
        return architecture.Head switch
        {
            HeadKind.Regression => batch with { Targets = [.. lengths.Select(length => (float)length)] },
            HeadKind.MaskedLm or HeadKind.CausalLm =>
                batch with { TokenLabels = [.. batch.InputIds.Select((id, i) => i % 3 == 0 ? id : RaggedBatch.IgnoredLabel)] },
            _ => batch with { ClassLabels = [.. lengths.Select(length => length % architecture.OutputSize)] },
        };
    }
}

/// <summary>Tests that count managed bytes: a collection that tests beside them cause would be counted too.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;
