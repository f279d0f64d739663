using Engine.Graph;

namespace Engine.Model.Building;

/// <summary>What becomes of attention's scores before softmax.</summary>
internal sealed record AttentionScores
{
    /// <summary>What they are multiplied by; null: one over the root of the head size.</summary>
    public float? Scale { get; init; }

    /// <summary>A token sees those less than so many tokens away; 0 for no bound.</summary>
    public int Window { get; init; }

    /// <summary>Scores s become cap tanh(s / cap); 0 for no cap.</summary>
    public float SoftCap { get; init; }

    /// <summary>What is then added to them, [heads, longest text, longest text]; null for nothing.</summary>
    public Tensor? Bias { get; init; }
}
