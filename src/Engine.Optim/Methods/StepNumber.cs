namespace Engine.Optim.Methods;

/// <summary>A number that a method reports of its steps; metrics.jsonl has it in every line, null where a step has none.</summary>
/// <param name="key">What metrics.jsonl calls it.</param>
public sealed class StepNumber(string key)
{
    /// <summary>Its key in metrics.jsonl.</summary>
    public string Key => key;

    /// <summary>Of the last step; NaN where it has none. <see cref="TrainingMethod.OnStepEnd"/> sets it.</summary>
    public double Value { get; set; } = double.NaN;
}
