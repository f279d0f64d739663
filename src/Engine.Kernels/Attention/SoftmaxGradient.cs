namespace Engine.Kernels;

/// <summary>What the backward pass needs of softmax over one query's scores in one head: weights are made again from the scores and logSumExp.</summary>
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
        ArrayView<int> queryPosition, ArrayView<float> logSumExp, ArrayView<float> dots,
        int query, bool inside, int head, int heads, int keys, int dropoutPitch, [Specialize] bool causal)
    {
        long row = ((long)query * heads) + head;
        SoftmaxRow result = default;
        result.Visible = inside ? AttentionMask.VisibleKeys(queryPosition, query, keys, causal) : 0;
        result.LogSumExp = inside ? logSumExp[row] : 0f;
        result.Dot = inside ? dots[row] : 0f;
        result.Element = row * dropoutPitch;
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
        SoftmaxRow row, int key, float score, float gradient, float scale, ArrayView<uint> random, uint stream, uint threshold, float factor, [Specialize] bool dropout)
    {
        if (key >= row.Visible)
        {
            return default;
        }

        float weight = KernelMath.Exp((scale * score) - row.LogSumExp);
        float kept = dropout ? AttentionMask.Factor(row.Element + key, random, stream, threshold, factor) : 1f;
        return new SoftmaxGradient { Weight = weight * kept, Score = weight * scale * ((gradient * kept) - row.Dot) };
    }
}
