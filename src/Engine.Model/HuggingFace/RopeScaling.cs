using Engine.Common.Files;

namespace Engine.Model.HuggingFace;

/// <summary>
/// What a type of rotary embeddings makes of the plain frequencies, as Transformers 5 computes it (its modeling_rope_utils).
/// </summary>
internal sealed class RopeScaling
{
    private readonly RopeParameters rope;
    private readonly string path;

    /// <param name="turned">Elements of a head that are turned.</param>
    /// <param name="path">The file, for messages.</param>
    /// <exception cref="ModelFileException">A type that is not built, or a number it needs is missing or senseless.</exception>
    public RopeScaling(RopeParameters rope, int turned, string path)
    {
        this.rope = rope;
        this.path = path;
        (Apply, Factor) = rope.Type switch
        {
            // Dynamic scaling begins with texts beyond max_position_embeddings, which are longer than any here.
            "default" or "dynamic" => ((frequency, _) => frequency, 1f),
            "linear" when Option("factor") is var factor => ((frequency, _) => frequency / factor, 1f),
            "llama3" => (Llama3(), 1f),
            "yarn" => (Yarn(turned), YarnFactor()),
            "longrope" => (LongRope(turned / 2), LongRopeFactor()),
            _ => throw new ModelFileException(
                path,
                $"rotary embeddings of the type {rope.Type} are not built; built are default, linear, dynamic, llama3, yarn and longrope."),
        };
    }

    /// <summary>The scaled frequency of a plain one and its pair.</summary>
    public Func<double, int, double> Apply { get; }

    /// <summary>What turned elements are multiplied by.</summary>
    public float Factor { get; }

    /// <summary>Long wavelengths are stretched by the factor, short ones kept, those between blended (Llama 3.1).</summary>
    private Func<double, int, double> Llama3()
    {
        double factor = Option("factor"), low = Option("low_freq_factor"), high = Option("high_freq_factor"),
            context = Option("original_max_position_embeddings");
        if (high <= low)
        {
            throw new ModelFileException(
                path, $"rotary embeddings of the type llama3: high_freq_factor {high} must be above low_freq_factor {low}.");
        }

        return (frequency, _) =>
        {
            double periods = context * frequency / (2 * Math.PI);
            double kept = Math.Clamp((periods - low) / (high - low), 0, 1);
            return ((1 - kept) * frequency / factor) + (kept * frequency);
        };
    }

    /// <summary>
    /// Pairs that turn more than beta_fast times in the original context are kept, those that turn less than beta_slow times stretched, and
    /// between them a ramp over the pairs (Peng et al., arXiv 2309.00071, section 3.2).
    /// </summary>
    private Func<double, int, double> Yarn(int turned)
    {
        double factor = YarnStretch(), context = Context();
        double low = Pair(Option("beta_fast", 32)), high = Pair(Option("beta_slow", 1));
        if (rope.Options.GetValueOrDefault("truncate", 1) != 0)
        {
            (low, high) = (Math.Floor(low), Math.Ceiling(high));
        }

        (low, high) = (Math.Max(low, 0), Math.Min(high, turned - 1));
        high += low == high ? 0.001 : 0;
        return (frequency, pair) =>
        {
            double stretched = Math.Clamp((pair - low) / (high - low), 0, 1);
            return (stretched * frequency / factor) + ((1 - stretched) * frequency);
        };

        // The pair that turns so many times in the original context.
        double Pair(double turns) => turned * Math.Log(context / (turns * 2 * Math.PI)) / (2 * Math.Log(rope.Theta));
    }

    private double YarnStretch() => rope.Options.ContainsKey("factor")
        ? Option("factor")
        : Option("max_position_embeddings") / Option("original_max_position_embeddings");

    private float YarnFactor()
    {
        double factor = YarnStretch();
        if (rope.Options.ContainsKey("attention_factor"))
        {
            return (float)Option("attention_factor");
        }

        double own = rope.Options.GetValueOrDefault("mscale"), all = rope.Options.GetValueOrDefault("mscale_all_dim");
        return (float)(own != 0 && all != 0 ? Scale(own) / Scale(all) : Scale(1));

        double Scale(double weight) => factor <= 1 ? 1 : (0.1 * weight * Math.Log(factor)) + 1;
    }

    /// <summary>Every pair by a factor of its own (Ding et al., arXiv 2402.13753), that of texts within the original context.</summary>
    private Func<double, int, double> LongRope(int pairs)
    {
        IReadOnlyList<double> factors = rope.ShortFactors;
        if (factors.Count != pairs || !factors.All(factor => factor > 0 && double.IsFinite(factor)))
        {
            throw new ModelFileException(
                path, $"rotary embeddings of the type longrope need the list 'short_factor' of {pairs} numbers above 0.");
        }

        return (frequency, pair) => frequency / factors[pair];
    }

    private float LongRopeFactor()
    {
        if (rope.Options.ContainsKey("attention_factor"))
        {
            return (float)Option("attention_factor");
        }

        double context = Context(), factor = rope.Options.ContainsKey("factor")
            ? Option("factor")
            : Option("max_position_embeddings") / context;
        return factor <= 1 ? 1 : (float)Math.Sqrt(1 + (Math.Log(factor) / Math.Log(context)));
    }

    /// <summary>The original context; where nothing says another, that of now.</summary>
    private double Context() => rope.Options.ContainsKey("original_max_position_embeddings")
        ? Option("original_max_position_embeddings")
        : Option("max_position_embeddings");

    private double Option(string name, double? fallback = null) =>
        !rope.Options.TryGetValue(name, out double value) && fallback is { } given ? given
        : value > 0 && double.IsFinite(value) ? value
        : throw new ModelFileException(path, $"rotary embeddings of the type {rope.Type} need the number '{name}' above 0.");
}
