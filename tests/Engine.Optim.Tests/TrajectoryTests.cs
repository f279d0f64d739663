using System.Text.Json;
using Engine.Devices;
using Engine.Kernels.Tests;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Model.Execution;
using Engine.Model.Peft;
using Engine.Model.Safetensors;
using Engine.Model;
using Engine.Optim.Methods;
using Engine.Optim.Schedules;
using Engine.Tests;

namespace Engine.Optim.Tests;

/// <summary>Whole training runs held against PyTorch's in float64 (shared/goldens/trajectories).</summary>
public sealed class TrajectoryTests
{
    /// <summary>PyTorch in float32 agrees with the goldens to 3e-7 in losses; the rest is room for another order of summation.</summary>
    private const double LossTolerance = 1e-5;

    /// <summary>Norm of the difference over norm of the weights; PyTorch in float32 is at 1e-5 (full fine-tuning 1e-4: key biases have no gradient).</summary>
    private const double AdapterTolerance = 1e-4;

    private const double FullTolerance = 1e-3;

    /// <summary>Every run on every device.</summary>
    public static TheoryData<string, (string Model, string Run)> Runs => TestDevices.With<(string, string)>(
    [
        .. from name in (string[])["roberta-cls", "qwen2"]
           from run in (string[])["full", "lora", "lora-rslora", "lora-accumulate2", "lora-clip-cosine", "flat-lora", "flat-lora-accumulate2"]
           select (name, run),
    ]);

    [SharedTheory]
    [MemberData(nameof(Runs))]
    public void Trajectory_matches_pytorch(string deviceName, (string Model, string Run) problem)
    {
        (string name, string run) = problem;
        string folder = SharedFiles.Path($"goldens/trajectories/{name}");
        using JsonDocument document = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, $"{run}.json")));
        JsonElement settings = document.RootElement;
        using SafetensorsFile golden = SafetensorsFile.Open(Path.Combine(folder, $"{run}.safetensors"));
        ModelFolder modelFolder = ModelFolder.Open(SharedFiles.Path($"goldens/models/{name}"));
        Architecture architecture = modelFolder.CreateArchitecture();
        string initial = Path.Combine(folder, $"{run}.init");
        using AdapterFile? adapter = Directory.Exists(initial) ? AdapterFile.Read(initial) : null;
        Tuning tuning = adapter is null ? new Tuning.Full() : ModelAdapters.Tuning(architecture, adapter.Config);

        using Device device = TestDevices.Open(deviceName);
        using var model = new TransformerModel(architecture, tuning);
        int steps = settings.GetProperty("steps").GetInt32();
        int accumulation = settings.GetProperty("gradient_accumulation").GetInt32();
        TrainingMethod method = settings.GetProperty("method").GetString() == "flat-lora"
            ? new FlatLora(settings.GetProperty("rho").GetDouble(), settings.GetProperty("noise_seed").GetUInt64())
            : new PlainMethod();
        var optimizer = new AdamWOptions
        {
            WeightDecay = settings.GetProperty("weight_decay").GetDouble(),
            MaxGradNorm = settings.TryGetProperty("max_grad_norm", out JsonElement norm) ? norm.GetDouble() : 0,
        };
        ScheduleKind kind = settings.GetProperty("schedule").GetString()!.Contains("cosine", StringComparison.Ordinal) ? ScheduleKind.Cosine : ScheduleKind.Linear;
        var schedule = new LearningRateSchedule(
            kind, settings.GetProperty("lr").GetDouble(), steps, settings.GetProperty("warmup_steps").GetInt32());
        RaggedBatch[] batches = [.. Enumerable.Range(0, steps * accumulation).Select(index => PaddedBatch.Read(golden, architecture.Head, $".{index}").Ragged)];
        BatchShape[] shapes = [.. batches.Select(batch => BatchShape.Of(architecture, batch))];
        using var session = new TrainingSession(device, model, method, optimizer, shapes.Aggregate((a, b) => a.Max(b)), steps, seed: 0);
        model.Allocate(device);
        using (Checkpoint weights = modelFolder.OpenWeights())
        {
            ModelWeights.Load(model, weights, seed: 0);
        }

        if (adapter is not null)
        {
            ModelAdapters.Load(model, adapter);
        }

        session.Allocate(shapes, []);
        session.Begin();
        float[] losses = golden["losses"].ToFloat32();
        for (int step = 0; step < steps; step++)
        {
            StepReport report = session.Step(batches[(step * accumulation)..((step + 1) * accumulation)], schedule.RateAt(step), run);
            Assert.True(
                Math.Abs(report.Loss - losses[step]) <= LossTolerance * Math.Abs(losses[step]),
                $"step {step}: loss {report.Loss}, expected {losses[step]}");
        }

        double difference = 0, total = 0;
        foreach ((string parameter, Engine.Graph.Variable value) in model.Trainables!.Entries)
        {
            float[] expected = golden[$"final.{parameter}"].ToFloat32();
            float[] actual = value.View<float>().ToArray();
            for (int i = 0; i < expected.Length; i++)
            {
                difference += Math.Pow(actual[i] - expected[i], 2);
                total += Math.Pow(expected[i], 2);
            }
        }

        double relative = Math.Sqrt(difference / total);
        Assert.True(relative <= (adapter is null ? FullTolerance : AdapterTolerance), $"final weights differ by {relative}");
    }
}
