using Engine.Training.Running;

namespace Engine.FineTuning.Tests;

/// <summary>Keeps what a training tells, and does something on a step.</summary>
internal sealed class Listener(Action<long>? onStep = null) : IProgress<TrainingProgress>
{
    private readonly List<TrainingProgress> told = [];

    public IEnumerable<T> Of<T>()
        where T : TrainingProgress => told.OfType<T>();

    public void Report(TrainingProgress value)
    {
        told.Add(value);
        if (value is TrainingProgress.Step step)
        {
            onStep?.Invoke(step.StepNumber);
        }
    }
}
