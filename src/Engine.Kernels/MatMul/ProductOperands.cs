namespace Engine.Kernels;

/// <summary>What a product of compiled kernels reads; a batch's matrices lie a batch stride apart.</summary>
[Operands]
internal partial struct ProductOperands<TStored>
    where TStored : unmanaged
{
    public ArrayView<float> A;
    public ArrayView<TStored> B;
    public int Rows;
    public int Columns;

    /// <summary>The summed dimension.</summary>
    public int Depth;

    /// <summary>Elements from one stored row of A to the next.</summary>
    public long RowA;

    /// <summary>Elements from one stored row of B to the next.</summary>
    public long RowB;
    public long BatchA;
    public long BatchB;

    /// <param name="stored">B under its own type.</param>
    public static Buffers Of(MatMulShape shape, BufferView<float> a, BufferView<TStored> stored) => new()
    {
        A = a,
        B = stored,
        Rows = shape.M,
        Columns = shape.N,
        Depth = shape.K,
        RowA = shape.RowStrideA,
        RowB = shape.RowStrideB,
        BatchA = shape.BatchStrideA,
        BatchB = shape.BatchStrideB,
    };
}

/// <summary>Where a product's sums go, and what is done with them before; bias, residual and preactivation may be absent.</summary>
[Operands]
internal partial struct ProductTarget
{
    public ArrayView<float> C;
    public ArrayView<float> Bias;
    public ArrayView<float> Residual;
    public ArrayView<float> Preactivation;

    /// <summary>Elements from one row of C to the next.</summary>
    public long Row;
    public long Batch;
    public float Alpha;

    /// <summary>Whether C's old content is added.</summary>
    public bool Accumulate;

    public static Buffers Of(MatMulShape shape, MatMulViews views) => new()
    {
        C = views.C,
        Bias = views.Bias ?? default,
        Residual = views.Residual ?? default,
        Preactivation = views.Preactivation ?? default,
        Row = shape.RowStrideC,
        Batch = shape.BatchStrideC,
        Alpha = shape.Alpha,
        Accumulate = shape.Beta == 1f,
    };

    /// <summary>
    /// Writes the element of C at <paramref name="at"/>, in column <paramref name="column"/>, whose sum is <paramref name="sum"/>.
    /// </summary>
    public static void Finish(ProductTarget target, float sum, long at, int column, [Specialize] ActivationKind activation)
    {
        float value = target.Alpha * sum;
        value += target.Accumulate ? target.C[at] : 0f;
        value += target.Bias.Length > 0 ? target.Bias[column] : 0f;
        if (target.Preactivation.Length > 0)
        {
            target.Preactivation[at] = value;
        }

        value = ActivationFunctions.Apply(value, activation);
        target.C[at] = target.Residual.Length > 0 ? value + target.Residual[at] : value;
    }
}
