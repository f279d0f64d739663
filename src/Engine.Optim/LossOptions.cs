namespace Engine.Optim;

/// <summary>
/// What a training step's loss is: cross-entropy or squared errors, and for cross-entropy to which targets. Evaluations are to the labels
/// alone, so that runs of different options can be compared.
/// </summary>
internal sealed record LossOptions
{
    /// <summary>What the loss of a step of several micro-batches is the mean over.</summary>
    public LossAverage Average { get; init; } = LossAverage.Tokens;

    /// <summary>The share of each label's target that is spread evenly over all classes or tokens, from 0 to below 1.</summary>
    public double LabelSmoothing { get; init; }

    /// <summary>What a row of each class counts for in the mean, positive [classes]; null: all alike. For classification only.</summary>
    public IReadOnlyList<float>? ClassWeights { get; init; }

    /// <summary>Training is one task after another, each with classes of its own, and the loss of a step tells these apart alone.</summary>
    public bool ByTask { get; init; }
}
