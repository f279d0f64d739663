using Engine.Training.Running;
using Microsoft.Extensions.Logging;

namespace Engine.FineTuning;

/// <summary>A training's progress as log messages with named values.</summary>
/// <param name="loggingSteps">Steps between two messages.</param>
internal sealed partial class TrainingLog(ILogger logger, int loggingSteps) : IProgress<TrainingProgress>
{
    public void Report(TrainingProgress value)
    {
        switch (value)
        {
            case TrainingProgress.Started started:
                Started(started.TotalSteps, started.FirstStep, started.TrainableParameters, started.ForecastBytes);
                foreach (string note in started.Notes)
                {
                    Note(note);
                }

                break;
            case TrainingProgress.Step step when step.StepNumber % loggingSteps == 0 || step.StepNumber == step.TotalSteps:
                Step(step.StepNumber, step.TotalSteps, step.Epoch, step.Loss, step.LearningRate, step.TokensPerSecond, step.TimeLeft);
                break;
            case TrainingProgress.Evaluated evaluated:
                IEnumerable<string> metrics =
                    evaluated.Metrics.Select(metric => FormattableString.Invariant($"{metric.Key} {metric.Value:0.####}"));
                Evaluated(evaluated.StepNumber, string.Join(", ", metrics));
                if (evaluated.Warning is { } warning)
                {
                    Warn(warning);
                }

                break;
            case TrainingProgress.Skipped skipped:
                Warn($"Step {skipped.StepNumber} updated nothing: {skipped.Reason}");
                break;
            case TrainingProgress.Saved saved:
                Saved(saved.StepNumber, saved.Folder);
                break;
            case TrainingProgress.Stopping stopping:
                Note(stopping.Reason);
                break;
        }
    }

    [LoggerMessage(
        Level = LogLevel.Information,
        Message = "Training {TotalSteps} steps from step {FirstStep}: {TrainableParameters} parameters, {ForecastBytes} bytes of device "
            + "memory")]
    private partial void Started(int totalSteps, long firstStep, long trainableParameters, long forecastBytes);

    [LoggerMessage(
        Level = LogLevel.Information,
        Message = "Step {Step} of {TotalSteps}, epoch {Epoch:0.00}: loss {Loss:0.0000}, learning rate {LearningRate:0.00e+0}, "
            + "{TokensPerSecond:0} tokens/s, {TimeLeft} left")]
    private partial void Step(
        long step, int totalSteps, double epoch, double loss, double learningRate, double tokensPerSecond, TimeSpan timeLeft);

    [LoggerMessage(Level = LogLevel.Information, Message = "Evaluated after step {Step}: {Metrics}")]
    private partial void Evaluated(long step, string metrics);

    [LoggerMessage(Level = LogLevel.Information, Message = "Checkpoint of step {Step} written to {Folder}")]
    private partial void Saved(long step, string folder);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Note}")]
    private partial void Note(string note);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Warning}")]
    private partial void Warn(string warning);
}
