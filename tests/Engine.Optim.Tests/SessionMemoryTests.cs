using Engine.Devices;
using Engine.Devices.Cpu;
using Engine.Model;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Model.Execution;
using Engine.Model.Peft;
using Engine.Optim.Methods;
using Engine.Tests;

namespace Engine.Optim.Tests;

/// <summary>Memory of a training session: known before it is taken, and none of it managed once the plans are made.</summary>
public sealed class SessionMemoryTests
{
    /// <summary>One optimizer step makes one <see cref="StepReport"/> (40 bytes) and, for each micro-batch, one <see cref="ModelRun"/> (40 bytes).</summary>
    private const int ManagedBytesPerStep = 80;

    public static TheoryData<string, string> Runs => new()
    {
        { "roberta-cls", "full" },
        { "roberta-cls", "lora" },
        { "roberta-cls", "flat-lora" },
        { "roberta-mlm", "full" },
        { "roberta-regression", "lora" },
        { "bert-cls", "flat-lora" },
        { "qwen2", "full" },
        { "llama", "lora" },
    };

    [SharedTheory]
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

    [SharedTheory]
    [InlineData("roberta-cls", "flat-lora")]
    [InlineData("roberta-mlm", "full")]
    [InlineData("roberta-regression", "lora")]
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
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int step = 0; step < 100; step++)
        {
            session.Step(batches, 1e-3, "test");
        }

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 100 * ManagedBytesPerStep);
    }

    private static void Start(Device device, TransformerModel model, TrainingSession session, BatchShape[] shapes)
    {
        model.Allocate(device);
        ModelWeights.InitializeAll(model, seed: 3);
        AdapterInitialization.Start(model, seed: 3);
        session.Allocate(shapes, shapes);
        session.Begin();
    }

    private static Tuning TuningOf(Architecture architecture, string name, string methodName) => methodName == "full"
        ? new Tuning.Full()
        : ModelAdapters.Tuning(architecture, AdapterConfig.Read(SharedFiles.Path($"goldens/models/{name}/adapter")));

    private static TrainingMethod MethodOf(string methodName) => methodName == FlatLora.MethodName ? new FlatLora(0.05, 42) : new PlainMethod();

    private static BatchShape Largest(BatchShape[] shapes) => shapes.Aggregate((a, b) => a.Max(b));

    private static RaggedBatch Batch(Architecture architecture, int[] lengths)
    {
        RaggedBatch batch = RaggedBatch.FromRows([.. lengths.Select(length => (Enumerable.Range(5, length).ToArray(), (int[]?)null))]);
        return architecture.Head switch
        {
            HeadKind.Regression => batch with { Targets = [.. lengths.Select(length => (float)length)] },
            HeadKind.MaskedLm or HeadKind.CausalLm => batch with { TokenLabels = [.. batch.InputIds.Select((id, i) => i % 3 == 0 ? id : RaggedBatch.IgnoredLabel)] },
            _ => batch with { ClassLabels = [.. lengths.Select(length => length % architecture.OutputSize)] },
        };
    }
}
