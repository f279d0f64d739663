namespace Engine.Kernels;

/// <summary>
/// One product as the cpu device's paths see it: op(A)'s element (i, k) is A[i * ARow + k * AStep], op(B)'s element (k, j)
/// is B[k * BStep + j * BColumn], one stride of each being 1.
/// </summary>
internal unsafe struct MatMulOperands
{
    public int M;
    public int N;
    public int K;
    public float* A;
    public long ARow;
    public long AStep;

    /// <summary>The first element of B, of type <see cref="TypeB"/>; strides are in elements.</summary>
    public void* B;
    public ElementType TypeB;
    public long BStep;
    public long BColumn;
    public float* C;
    public long CRow;
    public float Alpha;

    /// <summary>The product is added to C; otherwise C is written without being read.</summary>
    public bool Accumulate;

    /// <summary>M and N are C's columns and rows: the operands were exchanged.</summary>
    public bool Transposed;

    public static MatMulOperands Of(MatMulShape shape, MatMulViews views)
    {
        long strideA = shape.RowStrideA, strideB = shape.RowStrideB;
        bool aTransposed = shape.Layout == MatMulLayout.TN, bTransposed = shape.Layout == MatMulLayout.NT;
        return new MatMulOperands
        {
            M = shape.M,
            N = shape.N,
            K = shape.K,
            A = CpuDevice.Pointer(views.A),
            ARow = aTransposed ? 1 : strideA,
            AStep = aTransposed ? strideA : 1,
            B = Pointer(views.B),
            TypeB = views.B.Type,
            BStep = bTransposed ? 1 : strideB,
            BColumn = bTransposed ? strideB : 1,
            C = CpuDevice.Pointer(views.C),
            CRow = shape.RowStrideC,
            Alpha = shape.Alpha,
            Accumulate = shape.Beta == 1f,
        };
    }

    /// <summary>The same product as C^T = op(B)^T op(A)^T; B is float32.</summary>
    public readonly MatMulOperands Exchanged() => this with
    {
        M = N,
        N = M,
        A = (float*)B,
        ARow = BColumn,
        AStep = BStep,
        B = A,
        BStep = AStep,
        BColumn = ARow,
        Transposed = !Transposed,
    };

    private static void* Pointer(WeightView weight) => weight.Type switch
    {
        ElementType.Float32 => CpuDevice.Pointer(weight.As<float>()),
        ElementType.Float16 => CpuDevice.Pointer(weight.As<Half>()),
        _ => CpuDevice.Pointer(weight.As<BFloat16>()),
    };
}
