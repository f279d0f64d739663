namespace Engine.Model.Generation;

/// <summary>How a text goes on. The defaults are those of Transformers' <c>generate</c>.</summary>
public sealed record GenerationOptions
{
    /// <summary>The most tokens to generate.</summary>
    public int MaxNewTokens { get; init; } = 256;

    /// <summary>Tokens are drawn at random; otherwise the most probable one is taken.</summary>
    public bool Sample { get; init; }

    /// <summary>What logits are divided by before they become probabilities; 0 takes the most probable token. Read when sampling.</summary>
    public float Temperature { get; init; } = 1;

    /// <summary>Only so many of the most probable tokens are drawn from; 0: all. Read when sampling.</summary>
    public int TopK { get; init; } = 50;

    /// <summary>
    /// Only the most probable tokens that together reach this probability are drawn from (Holtzman et al. 2019, arXiv 1904.09751). Read
    /// when sampling.
    /// </summary>
    public float TopP { get; init; } = 1;

    /// <summary>
    /// Logits of tokens that the prompt or the answer holds already are divided by this where they are positive, multiplied where they are
    /// negative (Keskar et al. 2019, arXiv 1909.05858, section 4.1); 1: none.
    /// </summary>
    public float RepetitionPenalty { get; init; } = 1;

    /// <summary>What the draws are made from: one seed, prompt and model give one text, whatever else is in the batch.</summary>
    public ulong Seed { get; init; }

    /// <summary>The answer ends before the first of these strings.</summary>
    public IReadOnlyList<string> StopStrings { get; init; } = [];

    /// <summary>The answer ends with any of these tokens, which the text leaves out.</summary>
    public IReadOnlyList<int> EosTokenIds { get; init; } = [];

    /// <summary>Whether tokens are drawn.</summary>
    internal bool Draws => Sample && Temperature > 0;

    /// <exception cref="ArgumentException">A value out of its range.</exception>
    public void Validate()
    {
        Require(MaxNewTokens >= 1, "max_new_tokens", MaxNewTokens, "at least 1");
        Require(Temperature >= 0 && float.IsFinite(Temperature), "temperature", Temperature, "0 or a positive number");
        Require(TopK >= 0, "top_k", TopK, "0 (all) or a positive whole number");
        Require(TopP is > 0 and <= 1, "top_p", TopP, "above 0 and at most 1");
        Require(RepetitionPenalty > 0 && float.IsFinite(RepetitionPenalty), "repetition_penalty", RepetitionPenalty, "a positive number");
        if (StopStrings.Any(string.IsNullOrEmpty))
        {
            throw new ArgumentException("A stop string is empty, and would end every answer at once; leave it out.");
        }
    }

    private static void Require(bool holds, string key, object value, string expected)
    {
        if (!holds)
        {
            throw new ArgumentException(FormattableString.Invariant($"{key} is {value}; {expected} was expected."));
        }
    }
}
