namespace Engine.Kernels;

/// <summary>
/// What the backward pass needs of softmax over one query's scores in one head: weights are made again from the scores and logSumExp.
/// </summary>
internal struct SoftmaxRow
{
    /// <summary>The end of the keys of the segment that the query sees; 0 where it is not there.</summary>
    public int Visible;

    /// <summary>The first of them.</summary>
    public int FirstKey;

    public float LogSumExp;

    /// <summary>The output times its gradient, summed: what softmax's gradient subtracts.</summary>
    public float Dot;

    /// <summary>The dropout mask's element of the segment's first key.</summary>
    public long Element;

    /// <summary>The bias's element of the segment's first key; read with a bias.</summary>
    public long Bias;

    public static SoftmaxRow Of(
        AttentionInputs of, AttentionGradientInputs given, int query, bool inside, int head, int heads, int keys, [Specialize] bool causal,
        [Specialize] int window, [Specialize] bool bias)
    {
        long row = ((long)query * heads) + head;
        SoftmaxRow result = default;
        result.Visible = inside ? AttentionMask.VisibleKeys(of.QueryPosition, query, keys, causal, window) : 0;
        if (window > 0 && inside)
        {
            result.FirstKey = AttentionMask.FirstKey(of.QueryPosition, query, window);
        }

        result.LogSumExp = inside ? given.LogSumExp[row] : 0f;
        result.Dot = inside ? given.Dots[row] : 0f;
        result.Element = row * of.DropoutPitch;
        if (bias && inside)
        {
            result.Bias = AttentionMask.BiasRow(of, head, query);
        }

        return result;
    }
}

/// <summary>The backward step of one score; zeros for a key that is not seen.</summary>
internal struct SoftmaxGradient
{
    /// <summary>The weight exp(scaled and capped score + bias - logSumExp), times its dropout factor.</summary>
    public float Weight;

    /// <summary>The gradient with respect to the unscaled score.</summary>
    public float Score;

    /// <summary>The gradient with respect to the bias.</summary>
    public float Bias;

    /// <param name="key">The key's index in its segment.</param>
    /// <param name="gradient">The gradient with respect to the weight after dropout.</param>
    public static SoftmaxGradient Of(
        SoftmaxRow row, int key, float score, float gradient, AttentionInputs of, [Specialize] bool dropout, [Specialize] int window,
        [Specialize] int softCap, [Specialize] bool bias)
    {
        if (key >= row.Visible)
        {
            return default;
        }

        if (window > 0 && key < row.FirstKey)
        {
            return default;
        }

        float capped = AttentionMask.Capped(of.Scale * score, softCap);
        float added = bias ? capped + of.Bias[row.Bias + key] : capped;
        float weight = KernelMath.Exp(added - row.LogSumExp);
        float kept = dropout ? AttentionMask.Factor(row.Element + key, of) : 1f;
        float byWeight = (gradient * kept) - row.Dot;
        float byScore = weight * of.Scale * byWeight;
        if (softCap != 0)
        {
            byScore *= AttentionMask.CapSlope(capped, softCap);
        }

        return new SoftmaxGradient { Weight = weight * kept, Score = byScore, Bias = weight * byWeight };
    }
}
