namespace Engine.Optim;

/// <summary>Settings of AdamW and of gradient clipping, named as in Transformers.</summary>
public sealed record AdamWOptions
{
    /// <summary>How much of the gradients' running mean a step keeps (<c>adam_beta1</c>).</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>How much of the squared gradients' running mean a step keeps (<c>adam_beta2</c>).</summary>
    public double Beta2 { get; init; } = 0.999;

    /// <summary>What is added to the root in the update's denominator (<c>adam_epsilon</c>).</summary>
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>Decoupled weight decay of everything but biases and norm weights.</summary>
    public double WeightDecay { get; init; }

    /// <summary>The schedule's highest learning rate, by which a method's own rates are measured.</summary>
    public double LearningRate { get; init; }

    /// <summary>Global gradient norm to clip to; 0: never.</summary>
    public double MaxGradNorm { get; init; } = 1;
}
