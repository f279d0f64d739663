using System.Text.Json.Nodes;
using Engine.Devices;
using Engine.Devices.Cpu;
using Engine.Training.Configuration;
using Engine.Training.Running;

namespace Engine.Training.Tests.Running;

/// <summary>Runs of the trainer as its tests make and stop them.</summary>
internal static class TrainerRuns
{
    /// <summary>Steps of a tiny run.</summary>
    public const int Steps = 10;

    public static TrainingOutcome Train(
        string path, TrainerOptions? options = null, IProgress<TrainingProgress>? progress = null, CancellationToken cancellation = default)
    {
        using var device = new CpuDevice();
        return Train(device, path, options, progress, cancellation);
    }

    public static TrainingOutcome Train(
        Device device, string path, TrainerOptions? options, IProgress<TrainingProgress>? progress, CancellationToken cancellation)
    {
        using var trainer = new Trainer(RunConfiguration.Load(path), device, options, progress);
        return trainer.Train(cancellation);
    }

    public static byte[] Bytes(TrainingOutcome outcome) =>
        File.ReadAllBytes(Path.Combine(outcome.WeightsFolder, "adapter_model.safetensors"));

    public static double[] Losses(TinyRun tiny, string output) =>
        [.. File.ReadLines(Path.Combine(tiny.Folder, output, "metrics.jsonl"))
            .Select(line => JsonNode.Parse(line)!["loss"]!.GetValue<double>())];

    /// <summary>Finds that every step had a loss of its own: two runs that compute nothing are equal to the bit, too.</summary>
    public static void RequireTrained(TinyRun tiny, string output)
    {
        double[] losses = Losses(tiny, output);
        Assert.All(losses, loss => Assert.True(loss > 0));
        Assert.Equal(losses.Length, losses.Distinct().Count());
    }

    public sealed class KilledException : Exception;

    /// <summary>Cancels when a step is taken; at 0 when steps are about to follow.</summary>
    public sealed class StopAt(long step, CancellationTokenSource cancellation) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value)
        {
            if ((value is TrainingProgress.Step { StepNumber: var taken } && taken == step)
                || (value is TrainingProgress.Started && step == 0))
            {
                cancellation.Cancel();
            }
        }
    }

    public sealed class KillAt(long step) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value)
        {
            if (value is TrainingProgress.Step { StepNumber: var taken } && taken == step)
            {
                throw new KilledException();
            }
        }
    }
}
