using Engine.Devices.Cuda;

namespace Engine.Kernels;

/// <summary>Which operand is stored transposed.</summary>
public enum MatMulLayout
{
    /// <summary>A [m, k], B [k, n].</summary>
    NN,

    /// <summary>A [m, k], B [n, k]: x W^T of a linear layer.</summary>
    NT,

    /// <summary>A [k, m], B [k, n]: dY^T X, a weight gradient.</summary>
    TN,
}

/// <summary>What is applied to a product before it is stored.</summary>
public enum ActivationKind
{
    /// <summary>x.</summary>
    None,

    /// <summary>x Phi(x) with the exact error function.</summary>
    GeluErf,

    /// <summary>The tanh approximation of GELU.</summary>
    GeluTanh,

    /// <summary>tanh(x).</summary>
    Tanh,

    /// <summary>max(x, 0); its derivative at 0 is 0.</summary>
    Relu,
}

/// <summary>
/// The shape of C = activation(alpha op(A) op(B) + beta C + bias) + residual, row-major; B may be stored in 16 bits, the rest is float32.
/// </summary>
/// <param name="M">Rows of C.</param>
/// <param name="N">Columns of C.</param>
/// <param name="K">The summed dimension.</param>
/// <param name="Layout">How A and B are stored.</param>
public sealed record MatMulShape(int M, int N, int K, MatMulLayout Layout)
{
    /// <summary>Elements from one stored row of A to the next; 0: A is dense.</summary>
    public int StrideA { get; init; }

    /// <summary>Elements from one stored row of B to the next; 0: B is dense.</summary>
    public int StrideB { get; init; }

    /// <summary>Elements from one row of C to the next; 0: C is dense.</summary>
    public int StrideC { get; init; }

    /// <summary>Number of products; matrix i starts at i times the batch stride.</summary>
    public int Batch { get; init; } = 1;

    /// <summary>Elements from one A to the next; 0: all products read the same.</summary>
    public long BatchStrideA { get; init; }

    /// <summary>Elements from one B to the next; 0: all products read the same.</summary>
    public long BatchStrideB { get; init; }

    /// <summary>Elements from one C to the next.</summary>
    public long BatchStrideC { get; init; }

    /// <summary>What the product is multiplied by.</summary>
    public float Alpha { get; init; } = 1f;

    /// <summary>0 (C is written, its old content is never read) or 1 (added to C).</summary>
    public float Beta { get; init; }

    /// <summary>What is applied to the sum before the residual is added.</summary>
    public ActivationKind Activation { get; init; }

    /// <summary>
    /// The type that A is rounded to before it is multiplied, on the device's matrix units: that of B's storage, Float16 or BFloat16; sums
    /// stay float32. Float32: nothing is rounded, and no matrix units are used.
    /// </summary>
    public ElementType Products { get; init; } = ElementType.Float32;

    /// <summary>Operations of all products, 2 for a multiply-add.</summary>
    internal double Operations => 2.0 * Batch * M * N * K;

    /// <summary>Columns of A as it is stored.</summary>
    internal int ColumnsA => Layout == MatMulLayout.TN ? M : K;

    /// <summary>Columns of B as it is stored.</summary>
    internal int ColumnsB => Layout == MatMulLayout.NT ? K : N;

    /// <summary>Elements from one stored row of A to the next.</summary>
    internal int RowStrideA => StrideA == 0 ? ColumnsA : StrideA;

    /// <summary>Elements from one stored row of B to the next.</summary>
    internal int RowStrideB => StrideB == 0 ? ColumnsB : StrideB;

    /// <summary>Elements from one row of C to the next.</summary>
    internal int RowStrideC => StrideC == 0 ? N : StrideC;
}

/// <summary>
/// Matrix products: the vendor's library computes them where the device was opened with it, else a kernel variant that is chosen by the
/// device's features and the shape.
/// </summary>
public static class MatMul
{
    /// <summary>Elements of scratch memory that <see cref="Bind"/> needs on this device.</summary>
    /// <param name="device">The device.</param>
    /// <param name="shape">Sizes and type of the product.</param>
    /// <param name="stored">B's type.</param>
    public static long Workspace(Device device, MatMulShape shape, ElementType stored) =>
        MatMulVendor.Fits(device, shape, stored) ? MatMulVendor.Workspace(shape) : 0;

    /// <summary>Binds a product. Results have the same bits at every run and for any number of threads.</summary>
    /// <param name="device">The device of every buffer.</param>
    /// <param name="shape">Sizes, strides and what follows the sums.</param>
    /// <param name="a">A, as the layout stores it.</param>
    /// <param name="b">B, as the layout stores it: a weight of any storage type in NT (forward) and NN (input gradient), float32 in
    /// TN.</param>
    /// <param name="c">C [m, n]; not overlapping the other buffers.</param>
    /// <param name="bias">Bias [n], or null.</param>
    /// <param name="residual">Added after the activation, laid out as C, or null.</param>
    /// <param name="preactivation">Receives what the activation was applied to, laid out as C, or null.</param>
    /// <param name="workspace">Scratch memory of <see cref="Workspace"/>.</param>
    /// <exception cref="ArgumentException">A size, a stride or beta is out of range, a buffer is too short for the shape, B in TN is not
    /// float32, or products are neither float32 nor of B's type on a device with matrix units.</exception>
    public static Launch Bind(
        Device device,
        MatMulShape shape,
        BufferView<float> a,
        WeightView b,
        BufferView<float> c,
        BufferView<float>? bias = null,
        BufferView<float>? residual = null,
        BufferView<float>? preactivation = null,
        BufferView<float> workspace = default)
    {
        var views = new MatMulViews(a, b, c, bias, residual, preactivation);
        views.Check(shape);
        MatrixUnits.Check(device, shape.Products);
        if (MatMulVendor.Fits(device, shape, b.Type) && MatMulVendor.Bind((CudaDevice)device, shape, views, workspace) is { } product)
        {
            return product;
        }

        if (shape.Products != ElementType.Float32)
        {
            return Costed(MatMulMatrixUnits.Bind(device, shape, views));
        }

        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return MatMulHost.Create(cpu, shape, MatMulOperands.Of(shape, views), new MatMulEpilogue(shape, views));
        }

        return Costed(
            MatMulThinGroups.Fits(shape) ? MatMulThinGroups.Bind(device, shape, views) : MatMulGroups.Bind(device, shape, views));

        Launch Costed(Launch launch) => launch.Moves(views.Bytes(shape)).Computes(shape.Operations);
    }
}
