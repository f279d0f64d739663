using Engine.Graph;
using Engine.Kernels.Tests;
using Engine.Tests;

namespace Engine.Optim.Tests;

/// <summary>Runs of newer flat-minima methods held against PyTorch's in float64 (shared/goldens/related).</summary>
public sealed class FlatMinimaTrajectoryTests
{
    /// <summary>Radii and norms on the way; PyTorch in float32 is at 1e-5.</summary>
    private const double ValueTolerance = 1e-4;

    public static TheoryData<string, string> Runs =>
        TestDevices.QuickWith<string>("lora-sam-lesam", "flat-lora-ggpo", "flat-lora-ggpo-through");

    [SharedTheory]
    [MemberData(nameof(Runs))]
    public void Trajectory_matches_pytorch(string deviceName, string name)
    {
        using var run = new GoldenRun(deviceName, GoldenFiles.Related(name), LossAverage.Batches);
        for (int step = 0; step < run.Steps; step++)
        {
            RequireGradientRows(run, step);
            StepReport report = run.Step(step);
            if (run.Golden.Contains("mid.lesam.rho"))
            {
                // A rise is the difference of two float32 losses near 1.
                double radius = run.Golden["mid.lesam.rho"].ToFloat64()[step];
                Assert.Equal(radius, run.Session.Numbers.Single(number => number.Key == "rho").Value, ValueTolerance * radius);
                Assert.Equal(run.Golden["mid.lesam.loss_rise"].ToFloat64()[step], report.LossRise, 1e-6);
            }
        }

        run.RequireMovement();
    }

    /// <summary>LoRA-GGPO's squared norms of the gradient's rows, as the step finds them.</summary>
    private static void RequireGradientRows(GoldenRun run, int step)
    {
        string name = $"mid.ggpo.step{step}.layer0.grad_row_norm_squared";
        if (run.Golden.Contains(name))
        {
            string kept = $"{run.Model.Adapters[0].Module}.gradient_squares";
            Variable rows = run.Session.MethodState.Variables.Single(variable => variable.Name == kept);
            run.RequireNear([(rows.View<float>().ToArray(), name)], ValueTolerance);
        }
    }
}
