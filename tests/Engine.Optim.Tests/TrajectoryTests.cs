using Engine.Kernels.Tests;
using Engine.Model.Adapters;
using Engine.Tests;

namespace Engine.Optim.Tests;

/// <summary>Whole training runs held against PyTorch's in float64 (goldens/trajectories).</summary>
public sealed class TrajectoryTests
{
    /// <summary>Every run on every device, of those that the repository holds or of the others.</summary>
    public static TheoryData<string, (string Model, string Run)> Runs(bool inRepository) => TestDevices.QuickWith<(string, string)>(
    [
        .. GoldenFiles.Runs(
            inRepository, "full", "lora", "lora-rslora", "lora-accumulate2", "lora-clip-cosine", "lora-plus", "lora-dora", "flat-lora",
            "flat-lora-accumulate2",
            "sam-full", "lora-sam", "lora-sam-accumulate2", "asam", "looksam", "obar", "nbar", "esam"),
    ]);

    public static TheoryData<string, (string Model, string Run)> PissaRuns(bool inRepository) =>
        TestDevices.QuickWith<(string, string)>(GoldenFiles.Runs(inRepository, "lora-pissa"));

    [Theory]
    [MemberData(nameof(Runs), true)]
    [SharedMemberData(nameof(Runs), false)]
    public void Trajectory_matches_pytorch(string deviceName, (string Model, string Run) problem)
    {
        using var run = new GoldenRun(deviceName, problem.Model, problem.Run);
        for (int step = 0; step < run.Steps; step++)
        {
            run.Step(step);
        }

        run.RequireFinalWeights();
    }

    public static TheoryData<string, string> TokenRuns =>
        TestDevices.QuickWith<string>("lora-accumulate2-tokens", "roberta-mlm-accumulate2-tokens");

    /// <summary>Every label of a step counts alike whichever micro-batch it is in; the mean of the two means is off by percents.</summary>
    [Theory]
    [MemberData(nameof(TokenRuns))]
    public void Trajectory_of_accumulated_steps_averaged_by_tokens_matches_pytorch(string deviceName, string name)
    {
        const string Folder = "objectives/tokens";
        GoldenFiles files = name.StartsWith("roberta-mlm", StringComparison.Ordinal)
            ? new GoldenFiles("roberta-mlm", $"{Folder}/{name}", $"{Folder}/{name}", $"{Folder}/roberta-mlm-init")
            : GoldenFiles.Trajectory("qwen2", "lora-accumulate2") with { Run = $"{Folder}/{name}" };
        using var run = new GoldenRun(deviceName, files, LossAverage.Tokens);
        for (int step = 0; step < run.Steps; step++)
        {
            run.Step(step);
        }

        run.RequireFinalWeights();
    }

    /// <summary>The signs of singular vectors are free, so the products are compared.</summary>
    [Theory]
    [MemberData(nameof(PissaRuns), true)]
    [SharedMemberData(nameof(PissaRuns), false)]
    public void Lora_from_pissa_matches_pytorch(string deviceName, (string Model, string Run) problem)
    {
        using var run = new GoldenRun(deviceName, problem.Model, problem.Run);
        for (int step = 0; step < run.Steps; step++)
        {
            run.Step(step);
        }

        foreach (LoraLinear layer in run.Model.Adapters)
        {
            run.RequireNear([(Product(layer), $"final.product.{layer.Module}")]);
        }
    }

    /// <summary>s B A.</summary>
    private static float[] Product(LoraLinear layer)
    {
        float[] a = layer.A.View<float>().ToArray(), b = layer.B.View<float>().ToArray();
        (int columns, int rank) = (layer.A.Shape.Columns, layer.Rank);
        return [.. Enumerable.Range(0, layer.B.Shape.Rows * columns).Select(i =>
            (float)(layer.Scale
                * Enumerable.Range(0, rank).Sum(k => (double)b[(i / columns * rank) + k] * a[(k * columns) + (i % columns)])))];
    }
}
