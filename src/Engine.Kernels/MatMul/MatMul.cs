using Engine.Devices;

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
    None,

    /// <summary>x Phi(x) with the exact error function.</summary>
    GeluErf,

    /// <summary>The tanh approximation of GELU.</summary>
    GeluTanh,

    Tanh,
}

/// <summary>The shape of C = activation(alpha op(A) op(B) + beta C + bias) + residual, row-major float32.</summary>
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

    public long BatchStrideA { get; init; }

    public long BatchStrideB { get; init; }

    public long BatchStrideC { get; init; }

    public float Alpha { get; init; } = 1f;

    /// <summary>0 (C is written, its old content is never read) or 1 (added to C).</summary>
    public float Beta { get; init; }

    public ActivationKind Activation { get; init; }
}

/// <summary>Matrix products: a kernel variant is chosen by the device's features and the shape.</summary>
public static class MatMul
{
    /// <param name="bias">Bias [n], or null.</param>
    /// <param name="residual">Added after the activation, laid out as C, or null.</param>
    /// <param name="preactivation">Receives what the activation was applied to, laid out as C, or null.</param>
    public static Launch Bind(
        Device device,
        MatMulShape shape,
        BufferView<float> a,
        BufferView<float> b,
        BufferView<float> c,
        BufferView<float>? bias = null,
        BufferView<float>? residual = null,
        BufferView<float>? preactivation = null) => throw new NotImplementedException();
}
