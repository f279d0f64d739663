using Engine.Cli.Console;
using Engine.Training.Comparing;
using Engine.Training.Running;

namespace Engine.Cli.Progress;

/// <summary>Shows the runs of a comparison while they are made, each as <c>engine train</c> shows it.</summary>
/// <param name="everySteps">Steps between two lines of a run, where lines are written.</param>
internal sealed class ComparisonView(CommandHost host, int everySteps) : IProgress<ComparisonProgress>
{
    private readonly TrainingView training = TrainingView.Create(host, everySteps);
    private readonly SharpnessView sharpness = new(host);

    public void Report(ComparisonProgress value)
    {
        switch (value)
        {
            case ComparisonProgress.RunStarted started:
                host.WriteLine($"run {started.Number} of {started.Count}: {started.Run.Method.Name}, seed {started.Run.Run.Seed}");
                training.Begin();
                break;
            case ComparisonProgress.Training trained:
                training.Report(trained.Progress);
                break;
            case ComparisonProgress.Measuring measured:
                training.End();
                sharpness.Report(measured.Progress);
                break;
            case ComparisonProgress.RunEnded:
                End();
                break;
            case ComparisonProgress.RunFailed failed:
                End();
                string run = $"{failed.Run.Method.Name}, seed {failed.Run.Run.Seed}";
                host.Error.WriteLine($"error: {run}: {ErrorSentence.Of(failed.Problem)}");
                break;
        }
    }

    /// <summary>Says something that no run reported.</summary>
    public void Notice(string message) => training.Notice(message);

    /// <summary>Takes away what was drawn over itself.</summary>
    public void End()
    {
        training.End();
        sharpness.End();
    }
}
