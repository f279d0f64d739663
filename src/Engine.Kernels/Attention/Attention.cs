namespace Engine.Kernels;

/// <summary>The shape of attention over ragged rows.</summary>
/// <param name="Rows">Row segments (texts).</param>
/// <param name="QueryTokens">Tokens in q and output, dead tail included.</param>
/// <param name="KeyTokens">Tokens in k and v, dead tail included.</param>
/// <param name="MaxQueryLength">Upper bound of a segment's queries.</param>
/// <param name="MaxKeyLength">Upper bound of a segment's keys.</param>
/// <param name="Heads">Query heads.</param>
/// <param name="KeyValueHeads">Key/value heads; divides Heads (grouped-query attention).</param>
/// <param name="HeadSize">Elements of one head.</param>
/// <param name="Scale">What scores are multiplied by, usually 1 / sqrt(head size).</param>
public sealed record AttentionShape(
    int Rows, int QueryTokens, int KeyTokens, int MaxQueryLength, int MaxKeyLength, int Heads, int KeyValueHeads, int HeadSize, float Scale)
{
    /// <summary>A query sees only keys whose index in the segment is at most the query's position in it.</summary>
    public bool Causal { get; init; }

    /// <summary>
    /// A query sees only keys less than so many tokens from its position: of causal attention the last ones, itself among them, else those
    /// of both sides; 0 for no such bound. Positions rise within a segment.
    /// </summary>
    public int Window { get; init; }

    /// <summary>
    /// Scaled scores s become cap tanh(s / cap), as in Gemma 2 (arXiv 2408.00118, section 2); 0 for no cap.
    /// </summary>
    public float SoftCap { get; init; }

    /// <summary>
    /// Rows of each head's bias [Heads, BiasQueries, MaxKeyLength], which is added to scaled and capped scores; 0 for no bias.
    /// </summary>
    public int BiasQueries { get; init; }

    /// <summary>Probability with which an attention weight is dropped; 0 for none.</summary>
    public float Dropout { get; init; }

    /// <summary>
    /// Philox stream of the dropout mask. Element ((query token * heads + head) * <see cref="DropoutPitch"/> + key index in the segment).
    /// </summary>
    public uint DropoutStream { get; init; }

    /// <summary>
    /// Elements of the dropout mask from one head's keys to the next: at least MaxKeyLength, which it is unless told otherwise. A mask
    /// stays the same under a closer bound of the keys.
    /// </summary>
    public int DropoutPitch { get; init; } = MaxKeyLength;

    /// <summary>
    /// The type that operands of every product are rounded to, on the device's matrix units: Float16 or BFloat16; sums and softmax stay
    /// float32. Float32: nothing is rounded, and no matrix units are used.
    /// </summary>
    public ElementType Products { get; init; } = ElementType.Float32;

    /// <summary>
    /// Operations of one product over all pairs of a query and a key that it sees, of segments as long as the bounds, 2 for a multiply-add.
    /// </summary>
    internal double PairOperations
    {
        get
        {
            double keys = Math.Min(MaxKeyLength, (double)KeyTokens);
            double seen = Causal ? (keys + 1) / 2 : keys;
            double most = Window == 0 ? keys : Causal ? Window : (2.0 * Window) - 1;
            return 2.0 * QueryTokens * Heads * HeadSize * Math.Min(seen, most);
        }
    }

    /// <summary>Elements of q and output.</summary>
    internal long QueryElements => (long)QueryTokens * Heads * HeadSize;

    /// <summary>Elements of the bias.</summary>
    internal long BiasElements => (long)Heads * BiasQueries * MaxKeyLength;

    /// <summary>Elements of k and of v.</summary>
    internal long KeyElements => (long)KeyTokens * KeyValueHeads * HeadSize;
}

/// <summary>What is added to the scores of attention, the same for every segment.</summary>
/// <param name="Values">[heads, <see cref="AttentionShape.BiasQueries"/>, <see cref="AttentionShape.MaxKeyLength"/>]: for each head a row
/// for each position of a query, with a number for each key by its index in the segment.</param>
/// <param name="Position">Each query's row, below BiasQueries; rows rise within a segment, no two of its queries having the same.
/// [query tokens]</param>
public readonly record struct AttentionBias(BufferView<float> Values, BufferView<int> Position);

/// <summary>
/// Softmax attention, segment by segment, with online softmax: memory is linear in length.
/// q [query tokens, heads * head size]; k, v [key tokens, kv heads * head size]; output as q.
/// queryStart and keyStart [rows + 1] are token offsets; queryPosition [query tokens] the query's index in its key segment (read when
/// causal or with a window). Tokens from queryStart[rows] (keyStart[rows]) on are dead: their outputs and gradients are written as zeros.
/// </summary>
public static class Attention
{
    /// <summary>The largest head size, on every device: what an item of a GPU keeps of a result's rows must fit its registers.</summary>
    public const int MaxHeadSize = 256;

    /// <param name="logSumExp">Receives the log of each softmax denominator, [query tokens, heads]; 0 where a query sees no key.</param>
    /// <param name="random">The dropout generator's state (<see cref="RandomState"/>); null without dropout.</param>
    /// <param name="bias">What is added to the scores; null for nothing.</param>
    public static Launch Forward(
        Device device,
        AttentionShape shape,
        BufferView<float> q,
        BufferView<float> k,
        BufferView<float> v,
        BufferView<int> queryStart,
        BufferView<int> keyStart,
        BufferView<int> queryPosition,
        BufferView<float> output,
        BufferView<float> logSumExp,
        BufferView<uint>? random,
        AttentionBias? bias = null)
    {
        var views = new AttentionViews(q, k, v, queryStart, keyStart, queryPosition, output, logSumExp, random, bias);
        views.Check(shape);
        MatrixUnits.Check(device, shape.Products);
        if (shape.Products != ElementType.Float32)
        {
            return AttentionForwardMatrixUnits.Bind(device, shape, views);
        }

        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return AttentionHost.Forward(cpu, shape, views);
        }

        return AttentionForwardGroups.Bind(device, shape, views);
    }

    /// <summary>Elements of float32 workspace the backward pass, and the gradient of a bias, need on this device.</summary>
    public static long BackwardWorkspace(Device device, AttentionShape shape) =>
        device is CpuDevice { Features.HostVectors: true } && shape.Products == ElementType.Float32
            ? 0
            : AttentionBackwardGroups.Workspace(shape);

    /// <summary>Writes (never adds to) dq, dk and dv.</summary>
    /// <param name="output">The forward pass's output.</param>
    /// <param name="logSumExp">The forward pass's logSumExp.</param>
    /// <param name="outputGradient">The loss's gradient with respect to the output, laid out as q.</param>
    /// <param name="workspace">At least <see cref="BackwardWorkspace"/> elements.</param>
    /// <param name="random">The dropout generator's state as the forward pass read it; null without dropout.</param>
    /// <param name="bias">What the forward pass added to the scores. Its gradient is <see cref="BiasGradient"/>'s.</param>
    public static Launch[] Backward(
        Device device,
        AttentionShape shape,
        BufferView<float> q,
        BufferView<float> k,
        BufferView<float> v,
        BufferView<int> queryStart,
        BufferView<int> keyStart,
        BufferView<int> queryPosition,
        BufferView<float> output,
        BufferView<float> logSumExp,
        BufferView<float> outputGradient,
        BufferView<float> dq,
        BufferView<float> dk,
        BufferView<float> dv,
        BufferView<float> workspace,
        BufferView<uint>? random,
        AttentionBias? bias = null)
    {
        var views = new AttentionViews(q, k, v, queryStart, keyStart, queryPosition, output, logSumExp, random, bias);
        views.Check(shape);
        MatrixUnits.Check(device, shape.Products);
        var gradients = new AttentionGradientViews(outputGradient, dq, dk, dv);
        gradients.Check(shape);
        Operand.Require(workspace, BackwardWorkspace(device, shape));
        if (shape.Products != ElementType.Float32)
        {
            return AttentionBackwardMatrixUnits.Bind(device, shape, views, gradients, workspace);
        }

        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return [AttentionHost.Backward(cpu, shape, views, gradients)];
        }

        return AttentionBackwardGroups.Bind(device, shape, views, gradients, workspace);
    }

    /// <summary>
    /// Writes the gradient of the bias, summed over the segments in their order, or adds it to <paramref name="dBias"/>. Its products are
    /// float32, whatever the others are: scores are made again for each block of the bias.
    /// </summary>
    /// <param name="output">The forward pass's output.</param>
    /// <param name="logSumExp">The forward pass's logSumExp.</param>
    /// <param name="outputGradient">The loss's gradient with respect to the output, laid out as q.</param>
    /// <param name="dBias">Laid out as the bias.</param>
    /// <param name="accumulate">Adds to dBias.</param>
    /// <param name="workspace">At least <see cref="BackwardWorkspace"/> elements.</param>
    /// <param name="random">The dropout generator's state as the forward pass read it; null without dropout.</param>
    /// <param name="bias">What the forward pass added to the scores.</param>
    public static Launch[] BiasGradient(
        Device device,
        AttentionShape shape,
        BufferView<float> q,
        BufferView<float> k,
        BufferView<float> v,
        BufferView<int> queryStart,
        BufferView<int> keyStart,
        BufferView<int> queryPosition,
        BufferView<float> output,
        BufferView<float> logSumExp,
        BufferView<float> outputGradient,
        BufferView<float> dBias,
        bool accumulate,
        BufferView<float> workspace,
        BufferView<uint>? random,
        AttentionBias bias)
    {
        var views = new AttentionViews(q, k, v, queryStart, keyStart, queryPosition, output, logSumExp, random, bias);
        views.Check(shape);
        Operand.Require(outputGradient, shape.QueryElements);
        Operand.Require(dBias, shape.BiasElements);
        Operand.Require(workspace, BackwardWorkspace(device, shape));
        return device is CpuDevice { Features.HostVectors: true } cpu
            ? [AttentionHost.BiasGradient(cpu, shape, views, outputGradient, dBias, accumulate)]
            : AttentionBiasGroups.Bind(device, shape, views, outputGradient, dBias, accumulate, workspace);
    }
}
