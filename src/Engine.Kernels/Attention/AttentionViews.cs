namespace Engine.Kernels;

/// <summary>The buffers of attention's forward pass, which the backward pass reads again.</summary>
internal readonly record struct AttentionViews(
    BufferView<float> Q,
    BufferView<float> K,
    BufferView<float> V,
    BufferView<int> QueryStart,
    BufferView<int> KeyStart,
    BufferView<int> QueryPosition,
    BufferView<float> Output,
    BufferView<float> LogSumExp,
    BufferView<uint>? Random,
    AttentionBias? Bias = null)
{
    /// <exception cref="ArgumentException">The shape makes no sense, or a buffer is too short for it.</exception>
    public void Check(AttentionShape shape)
    {
        if (shape.Rows < 0 || shape.QueryTokens < 0 || shape.KeyTokens < 0 || shape.MaxQueryLength < 0 || shape.MaxKeyLength < 0)
        {
            throw new ArgumentException($"{shape}: rows, tokens and lengths must not be negative.", nameof(shape));
        }

        if (shape.Heads < 1 || shape.KeyValueHeads < 1 || shape.HeadSize < 1 || shape.Heads % shape.KeyValueHeads != 0)
        {
            throw new ArgumentException(
                $"{shape}: heads and head size must be positive, and KeyValueHeads must divide Heads.", nameof(shape));
        }

        if (shape.HeadSize > Attention.MaxHeadSize)
        {
            throw new ArgumentException($"{shape}: attention is built for head sizes up to {Attention.MaxHeadSize}.", nameof(shape));
        }

        if (shape.Window < 0 || !(shape.SoftCap >= 0f && float.IsFinite(shape.SoftCap)))
        {
            throw new ArgumentException($"{shape}: Window and SoftCap must be 0 or above.", nameof(shape));
        }

        if (shape.Dropout is not (>= 0f and < 1f))
        {
            throw new ArgumentException($"{shape}: Dropout must be at least 0 and below 1.", nameof(shape));
        }

        if (shape.Dropout > 0f && shape.DropoutPitch < shape.MaxKeyLength)
        {
            throw new ArgumentException(
                $"{shape}: DropoutPitch must be at least MaxKeyLength; elements of the mask would serve several heads.", nameof(shape));
        }

        if (shape.Dropout > 0f && Random is null)
        {
            throw new ArgumentException($"{shape}: Dropout needs the generator's state, and random is null.", nameof(shape));
        }

        if (shape.BiasQueries < 0 || shape.BiasQueries > 0 != Bias is not null)
        {
            throw new ArgumentException(
                $"{shape}: BiasQueries must be above 0 where there is a bias, and 0 where there is none.", nameof(shape));
        }

        if (Bias is { } bias)
        {
            Operand.Require(bias.Values, shape.BiasElements);
            Operand.Require(bias.Position, shape.QueryTokens);
        }

        Operand.Require(Q, shape.QueryElements);
        Operand.Require(K, shape.KeyElements);
        Operand.Require(V, shape.KeyElements);
        Operand.Require(QueryStart, shape.Rows + 1L);
        Operand.Require(KeyStart, shape.Rows + 1L);
        Operand.Require(QueryPosition, shape.Causal || shape.Window > 0 ? shape.QueryTokens : 0);
        Operand.Require(Output, shape.QueryElements);
        Operand.Require(LogSumExp, (long)shape.QueryTokens * shape.Heads);
        Operand.Require(Random, RandomState.Count);
    }
}

/// <summary>The buffers the backward pass adds to those of the forward pass.</summary>
internal readonly record struct AttentionGradientViews(
    BufferView<float> OutputGradient, BufferView<float> Dq, BufferView<float> Dk, BufferView<float> Dv)
{
    /// <exception cref="ArgumentException">A buffer is too short for the shape.</exception>
    public void Check(AttentionShape shape)
    {
        Operand.Require(OutputGradient, shape.QueryElements);
        Operand.Require(Dq, shape.QueryElements);
        Operand.Require(Dk, shape.KeyElements);
        Operand.Require(Dv, shape.KeyElements);
    }
}
