namespace Engine.Kernels;

/// <summary>
/// What the backward pass needs of softmax over one query's scores in one head: weights are made again from the scores and logSumExp.
/// </summary>
internal struct SoftmaxRow
{
    /// <summary>Keys of the segment that the query sees; none where it is not there.</summary>
    public int Visible;

    public float LogSumExp;

    /// <summary>The output times its gradient, summed: what softmax's gradient subtracts.</summary>
    public float Dot;

    /// <summary>The dropout mask's element of the segment's first key.</summary>
    public long Element;

    public static SoftmaxRow Of(
        AttentionInputs of, AttentionGradientInputs given, int query, bool inside, int head, int heads, int keys, [Specialize] bool causal)
    {
        long row = ((long)query * heads) + head;
        SoftmaxRow result = default;
        result.Visible = inside ? AttentionMask.VisibleKeys(of.QueryPosition, query, keys, causal) : 0;
        result.LogSumExp = inside ? given.LogSumExp[row] : 0f;
        result.Dot = inside ? given.Dots[row] : 0f;
        result.Element = row * of.DropoutPitch;
        return result;
    }
}

/// <summary>The backward step of one score; zeros for a key that is not seen.</summary>
internal struct SoftmaxGradient
{
    /// <summary>The weight exp(scale * score - logSumExp), times its dropout factor.</summary>
    public float Weight;

    /// <summary>The gradient with respect to the unscaled score.</summary>
    public float Score;

    /// <param name="key">The key's index in its segment.</param>
    /// <param name="gradient">The gradient with respect to the weight after dropout.</param>
    public static SoftmaxGradient Of(
        SoftmaxRow row, int key, float score, float gradient, AttentionInputs of, [Specialize] bool dropout)
    {
        if (key >= row.Visible)
        {
            return default;
        }

        float weight = KernelMath.Exp((of.Scale * score) - row.LogSumExp);
        float kept = dropout ? AttentionMask.Factor(row.Element + key, of) : 1f;
        return new SoftmaxGradient { Weight = weight * kept, Score = weight * of.Scale * ((gradient * kept) - row.Dot) };
    }
}
