using System.Numerics.Tensors;
using Engine.Common;
using Engine.Devices;
using Engine.Devices.Sharing;

namespace Engine.Model.Generation;

/// <summary>
/// Chooses the next token of one text from its logits. The order of steps is that of Transformers: repetition penalty, temperature, top-k,
/// top-p, draw. One text's, and for one thread at a time: a call that comes while another thread's runs is refused.
/// </summary>
internal sealed class TokenSampler
{
    private readonly SoleUse use = new("A token sampler");
    private readonly GenerationOptions options;
    private readonly HashSet<int>? seen;
    private readonly TokenDistribution? distribution;

    /// <exception cref="ArgumentException">An option out of its range.</exception>
    public TokenSampler(GenerationOptions options, int vocabularySize)
    {
        options.Validate();
        this.options = options;
        seen = options.RepetitionPenalty == 1 ? null : [];
        distribution = options.Draws ? new TokenDistribution(vocabularySize) : null;
    }

    /// <summary>Names tokens that the text holds: its prompt, then each token that it goes on with.</summary>
    public void Observe(ReadOnlySpan<int> ids)
    {
        using Lock.Scope call = use.Enter();
        foreach (int id in ids)
        {
            seen?.Add(id);
        }
    }

    /// <summary>The next token.</summary>
    /// <param name="logits">[vocabulary]; the repetition penalty changes them.</param>
    /// <param name="step">Tokens generated before this one: with the seed, all that the draw depends on.</param>
    /// <exception cref="InvalidDataException">A logit is not a number.</exception>
    public int Next(Span<float> logits, int step)
    {
        using Lock.Scope call = use.Enter();
        int best = TensorPrimitives.IndexOfMax<float>(logits);
        if (float.IsNaN(logits[best]))
        {
            throw new InvalidDataException(
                $"The logit of token {best} is not a number: a weight of the model or its adapter is not finite, or grew beyond its type.");
        }

        if (seen is not null)
        {
            Penalize(logits);
            best = TensorPrimitives.IndexOfMax<float>(logits);
        }

        if (distribution is null)
        {
            return best;
        }

        Filter(logits);
        PhiloxWords words = new PhiloxGenerator(options.Seed, RandomStream.Sampling, (uint)step).Block(0);
        return distribution.Draw(((((ulong)words.Y << 32) | words.X) >> 11) * (1.0 / (1L << 53)));
    }

    /// <summary>What the next token is drawn from.</summary>
    internal TokenDistribution Filter(ReadOnlySpan<float> logits)
    {
        TokenDistribution filtered = distribution
            ?? throw new InvalidOperationException("The options take the most probable token; nothing is drawn.");
        filtered.Load(logits, options.Temperature);
        filtered.KeepTop(options.TopK);
        filtered.KeepNucleus(options.TopP);
        return filtered;
    }

    private void Penalize(Span<float> logits)
    {
        foreach (int id in seen!)
        {
            float logit = logits[id];
            logits[id] = logit > 0 ? logit / options.RepetitionPenalty : logit * options.RepetitionPenalty;
        }
    }
}
