namespace Engine.Kernels;

/// <summary>The buffers of a product; what may follow the sums is null where it does not.</summary>
internal readonly record struct MatMulViews(
    BufferView<float> A,
    WeightView B,
    BufferView<float> C,
    BufferView<float>? Bias,
    BufferView<float>? Residual,
    BufferView<float>? Preactivation)
{
    /// <summary>Bytes of what the shape takes of each: an operand that all products share once, C twice where it is added to.</summary>
    public long Bytes(MatMulShape shape)
    {
        int results = (shape.Beta == 1f ? 2 : 1) + (Residual is null ? 0 : 1) + (Preactivation is null ? 0 : 1);
        return (sizeof(float)
                * ((Matrices(shape.BatchStrideA) * shape.M * shape.K) + ((long)results * shape.Batch * shape.M * shape.N)
                    + (Bias is null ? 0 : shape.N)))
            + (Matrices(shape.BatchStrideB) * shape.N * shape.K * B.Type.SizeInBytes());

        long Matrices(long stride) => stride == 0 ? Math.Min(1, shape.Batch) : shape.Batch;
    }

    /// <exception cref="ArgumentException">The shape makes no sense, or a buffer is too short for it.</exception>
    public void Check(MatMulShape shape)
    {
        if (shape.M < 0 || shape.N < 0 || shape.K < 0 || shape.Batch < 0)
        {
            throw new ArgumentException($"{shape}: M, N, K and Batch must not be negative.", nameof(shape));
        }

        if (shape.Beta is not (0f or 1f))
        {
            throw new ArgumentException($"{shape}: Beta is {shape.Beta}; it must be 0 (C is written) or 1 (added to C).", nameof(shape));
        }

        if (shape.Layout == MatMulLayout.TN && B.Type != ElementType.Float32)
        {
            throw new ArgumentException($"{shape}: B stores {B.Type}; in TN, a weight gradient, both operands are float32.");
        }

        if (shape.Products != ElementType.Float32 && shape.Products != B.Type)
        {
            throw new ArgumentException(
                $"{shape}: products are in {shape.Products}, and B stores {B.Type}; both must be the same, or products Float32.");
        }

        bool aTransposed = shape.Layout == MatMulLayout.TN, bTransposed = shape.Layout == MatMulLayout.NT;
        CheckOperand("A", A.Length, aTransposed ? shape.K : shape.M, shape.ColumnsA, shape.RowStrideA, shape.Batch, shape.BatchStrideA);
        CheckOperand("B", B.Length, bTransposed ? shape.N : shape.K, shape.ColumnsB, shape.RowStrideB, shape.Batch, shape.BatchStrideB);
        CheckOperand("C", C.Length, shape.M, shape.N, shape.RowStrideC, shape.Batch, shape.BatchStrideC);
        if (Bias is { } biasView)
        {
            CheckOperand("bias", biasView.Length, 1, shape.N, shape.N, 1, 0);
        }

        if (Residual is { } residualView)
        {
            CheckOperand("residual", residualView.Length, shape.M, shape.N, shape.RowStrideC, shape.Batch, shape.BatchStrideC);
            if (residualView.Buffer == C.Buffer && residualView.ByteOffset == C.ByteOffset)
            {
                throw new ArgumentException(
                    "residual is C itself, which holds partial sums while the product runs; use Beta = 1 to add to C.");
            }
        }

        if (Preactivation is { } preactivationView)
        {
            CheckOperand("preactivation", preactivationView.Length, shape.M, shape.N, shape.RowStrideC, shape.Batch, shape.BatchStrideC);
        }
    }

    private static void CheckOperand(string name, long length, int rows, int columns, int stride, int batch, long batchStride)
    {
        if (stride < columns || batchStride < 0)
        {
            throw new ArgumentException(
                $"{name} has {columns} columns, rows {stride} elements apart and matrices {batchStride} apart; "
                    + "rows must not overlap and the batch stride must not be negative.");
        }

        long needed = rows == 0 || columns == 0 || batch == 0 ? 0 : ((batch - 1) * batchStride) + ((long)(rows - 1) * stride) + columns;
        if (length < needed)
        {
            throw new ArgumentException(
                $"{name} is a view of {length} elements; {batch} x [{rows}, {columns}] with rows {stride} elements apart needs {needed}.");
        }
    }
}
