namespace Engine.Optim;

/// <summary>Settings of AdamW and of gradient clipping, named as in Transformers.</summary>
public sealed record AdamWOptions
{
    public double Beta1 { get; init; } = 0.9;

    public double Beta2 { get; init; } = 0.999;

    public double Epsilon { get; init; } = 1e-8;

    /// <summary>Decoupled weight decay of everything but biases and norm weights.</summary>
    public double WeightDecay { get; init; }

    /// <summary>The schedule's highest learning rate, by which a method's own rates are measured.</summary>
    public double LearningRate { get; init; }

    /// <summary>Global gradient norm to clip to; 0: never.</summary>
    public double MaxGradNorm { get; init; } = 1;
}
