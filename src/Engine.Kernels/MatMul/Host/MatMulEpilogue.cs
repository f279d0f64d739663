using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>
/// What follows the sums of a product: bias, the pre-activation's copy, activation, residual. Applied to a block of C while it is in cache.
/// </summary>
internal readonly unsafe struct MatMulEpilogue
{
    private readonly float* bias;
    private readonly float* residual;
    private readonly float* preactivation;
    private readonly ActivationKind activation;

    public MatMulEpilogue(MatMulShape shape, MatMulViews views)
    {
        bias = views.Bias is { } b ? CpuDevice.Pointer(b) : null;
        residual = views.Residual is { } r ? CpuDevice.Pointer(r) : null;
        preactivation = views.Preactivation is { } p ? CpuDevice.Pointer(p) : null;
        activation = shape.Activation;
        IsEmpty = views is { Bias: null, Residual: null, Preactivation: null } && activation == ActivationKind.None;
    }

    /// <summary>Nothing follows the sums.</summary>
    public bool IsEmpty { get; }

    /// <summary>Finishes rows x columns of C from (row, column).</summary>
    /// <param name="c">C's first element.</param>
    /// <param name="cRow">Elements from one row of C to the next.</param>
    /// <param name="start">The batch's offset into C, in elements.</param>
    /// <param name="row">First row.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="column">First column.</param>
    /// <param name="columns">Number of columns.</param>
    public void Apply<T>(float* c, long cRow, long start, int row, int rows, int column, int columns)
        where T : struct, ISimd<T>
    {
        for (int i = row; i < row + rows; i++)
        {
            long at = start + (i * cRow) + column;
            int j = 0;
            for (; j + T.Count <= columns; j += T.Count, at += T.Count)
            {
                T value = T.Load(c + at);
                value = bias == null ? value : value + T.Load(bias + column + j);
                if (preactivation != null)
                {
                    value.Store(preactivation + at);
                }

                value = Activate(value);
                value = residual == null ? value : value + T.Load(residual + at);
                value.Store(c + at);
            }

            int rest = columns - j;
            if (rest > 0)
            {
                T value = T.LoadPart(c + at, rest);
                value = bias == null ? value : value + T.LoadPart(bias + column + j, rest);
                if (preactivation != null)
                {
                    value.StorePart(preactivation + at, rest);
                }

                value = Activate(value);
                value = residual == null ? value : value + T.LoadPart(residual + at, rest);
                value.StorePart(c + at, rest);
            }
        }
    }

    private T Activate<T>(T x)
        where T : struct, ISimd<T> => activation switch
        {
            ActivationKind.None => x,
            ActivationKind.GeluErf => LaneMath.Gelu(x),
            ActivationKind.GeluTanh => LaneMath.GeluTanh(x),
            ActivationKind.Relu => T.SelectLess(x, T.Zero, T.Zero, x),
            _ => LaneMath.Tanh(x),
        };
}
