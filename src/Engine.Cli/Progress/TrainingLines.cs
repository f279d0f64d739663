using Engine.Cli.Console;
using Engine.Training.Reports;
using Engine.Training.Running;
using Spectre.Console;

namespace Engine.Cli.Progress;

/// <summary>A line every few steps, for pipes and log files.</summary>
internal sealed class TrainingLines(IAnsiConsole console, int everySteps) : TrainingView(console)
{
    public override void Report(TrainingProgress value)
    {
        if (value is not TrainingProgress.Step step)
        {
            base.Report(value);
        }
        else if (step.StepNumber % everySteps == 0 || step.StepNumber == step.TotalSteps)
        {
            string numbers = Invariant($"loss {step.Loss:0.0000}  {TrainingBar.OfMethod(step, "  ")}lr {step.LearningRate:0.00e-0}");
            string pace = Invariant($"{step.TokensPerSecond:N0} tokens/s  {Amounts.Time(step.TimeLeft)} left");
            string memory = Amounts.Bytes(step.DeviceBytes);
            Console.WriteLine(Invariant($"step {step.StepNumber}/{step.TotalSteps}  epoch {step.Epoch:0.00}  {numbers}  {pace}  {memory}"));
        }
    }
}
