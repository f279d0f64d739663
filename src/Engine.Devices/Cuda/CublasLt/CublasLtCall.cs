namespace Engine.Devices.Cuda.CublasLt;

/// <summary>A matrix, or several of one shape, in device memory, row by row.</summary>
/// <param name="Buffer">Where it lies.</param>
/// <param name="ByteOffset">Its first element, in bytes from the buffer's start.</param>
/// <param name="Type">Float32, Float16 or BFloat16.</param>
/// <param name="Rows">Rows as they are stored.</param>
/// <param name="Columns">Columns as they are stored.</param>
/// <param name="Stride">Elements from one row to the next.</param>
/// <param name="BatchStride">Elements from one matrix to the next.</param>
internal readonly record struct CublasLtMatrix(
    DeviceBuffer Buffer, long ByteOffset, ElementType Type, int Rows, int Columns, long Stride, long BatchStride)
{
    public ulong Address => ((CudaBuffer)Buffer).Address + (ulong)ByteOffset;
}

/// <summary>D = epilogue(alpha op(A) op(B) + beta C + bias), row-major; A and B of one type, C and D float32 and of one layout.</summary>
internal sealed record CublasLtCall
{
    public required CublasLtMatrix A { get; init; }

    /// <summary>A is stored [k, m].</summary>
    public required bool TransposeA { get; init; }

    public required CublasLtMatrix B { get; init; }

    /// <summary>B is stored [n, k].</summary>
    public required bool TransposeB { get; init; }

    /// <summary>What is added; D itself where beta is 0.</summary>
    public required CublasLtMatrix C { get; init; }

    public required CublasLtMatrix D { get; init; }

    public required int Batch { get; init; }

    public required float Alpha { get; init; }

    public required float Beta { get; init; }

    /// <summary>One number a column, or null.</summary>
    public BufferView<float>? Bias { get; init; }

    /// <summary>The tanh approximation of GELU is the last step.</summary>
    public bool Gelu { get; init; }

    /// <summary>Receives what GELU was applied to, laid out as D; null where nobody reads it.</summary>
    public BufferView<float>? Preactivation { get; init; }

    /// <summary>Every matrix once, and the operations of the products.</summary>
    public WorkCost Cost
    {
        get
        {
            long results = sizeof(float) * (long)Batch * D.Rows * D.Columns;
            int passes = 1 + (Beta == 0f ? 0 : 1) + (Preactivation is null ? 0 : 1);
            return new WorkCost(
                Bytes(A) + Bytes(B) + (passes * results) + (Bias is null ? 0 : sizeof(float) * (long)D.Columns),
                2.0 * Batch * A.Rows * A.Columns * D.Columns);

            long Bytes(CublasLtMatrix matrix) =>
                (matrix.BatchStride == 0 ? 1 : Batch) * (long)matrix.Rows * matrix.Columns * matrix.Type.SizeInBytes();
        }
    }

    /// <summary>Whether GELU's input can be kept in rows so far apart: what the library's documents ask for.</summary>
    public static bool KeepsPreactivation(long stride, int batch, long batchStride) =>
        stride % 8 == 0 && (batch == 1 || batchStride % 8 == 0);
}
