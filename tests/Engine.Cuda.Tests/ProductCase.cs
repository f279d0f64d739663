using Engine.Devices;
using Engine.Devices.Cuda;
using Engine.Devices.Kernels;
using Engine.Kernels;

namespace Engine.Cuda.Tests;

/// <summary>A product's operands on the fake card. Its kernels do not run, so that A lies in the scratch memory rounded already.</summary>
internal sealed class ProductCase : IDisposable
{
    /// <summary>The fake adds in double precision; only its results are float32.</summary>
    private const double Tolerance = 1e-6;

    private readonly CudaDevice device;
    private readonly MatMulShape shape;
    private readonly List<DeviceBuffer> buffers = [];
    private readonly float[] a;
    private readonly float[] b;
    private readonly float[] c;
    private readonly float[]? bias;
    private readonly float[]? residual;
    private readonly WeightView weight;
    private readonly BufferView<float>? biasView;

    /// <param name="first">Elements before each matrix in its buffer.</param>
    public ProductCase(
        CudaDevice device, MatMulShape shape, bool bias = false, bool residual = false, bool preactivation = false, int first = 0)
    {
        this.device = device;
        this.shape = shape;
        bool aTransposed = shape.Layout == MatMulLayout.TN, bTransposed = shape.Layout == MatMulLayout.NT;
        a = Values(1, Extent(aTransposed ? shape.K : shape.M, shape.ColumnsA, shape.RowStrideA, shape.BatchStrideA));
        b = Values(2, Extent(bTransposed ? shape.N : shape.K, shape.ColumnsB, shape.RowStrideB, shape.BatchStrideB));
        c = Values(3, Extent(shape.M, shape.N, shape.RowStrideC, shape.BatchStrideC));
        this.bias = bias ? Values(4, shape.N) : null;
        this.residual = residual ? Values(5, c.Length) : null;
        if (shape.Products != ElementType.Float32)
        {
            a = [.. a.Select(value => Rounded(value))];
            b = [.. b.Select(value => Rounded(value))];
        }

        A = Put(a, first);
        C = Put(c, first);
        biasView = this.bias is null ? null : Put(this.bias, first);
        Residual = this.residual is null ? null : Put(this.residual, first);
        Preactivation = preactivation ? Put(new float[c.Length], first) : null;
        weight = shape.Products switch
        {
            ElementType.BFloat16 => PutStored<BFloat16>([.. b.Select(value => (BFloat16)value)]),
            ElementType.Float16 => PutStored<Half>([.. b.Select(value => (Half)value)]),
            _ => Put(b, first),
        };
        Workspace = Put(new float[MatMul.Workspace(device, shape, weight.Type)], 0);
        FillWorkspace();
    }

    public BufferView<float> A { get; }

    public BufferView<float> C { get; }

    public BufferView<float>? Residual { get; }

    public BufferView<float>? Preactivation { get; }

    public BufferView<float> Workspace { get; }

    public Launch Bind(bool withWorkspace = true) =>
        MatMul.Bind(device, shape, A, weight, C, biasView, Residual, Preactivation, withWorkspace ? Workspace : default);

    /// <summary>All of C's memory, and of what the activation was applied to, in double precision.</summary>
    public (float[] Result, float[] Preactivation) Reference(MatMulShape of, bool residual)
    {
        float[] result = [.. c], kept = new float[c.Length];
        for (int batch = 0; batch < of.Batch; batch++)
        {
            for (int i = 0; i < of.M; i++)
            {
                for (int j = 0; j < of.N; j++)
                {
                    long at = (batch * of.BatchStrideC) + ((long)i * of.RowStrideC) + j;
                    double sum = 0;
                    for (int k = 0; k < of.K; k++)
                    {
                        long left = of.Layout == MatMulLayout.TN ? ((long)k * of.RowStrideA) + i : ((long)i * of.RowStrideA) + k;
                        long right = of.Layout == MatMulLayout.NT ? ((long)j * of.RowStrideB) + k : ((long)k * of.RowStrideB) + j;
                        sum += (double)a[(batch * of.BatchStrideA) + left] * b[(batch * of.BatchStrideB) + right];
                    }

                    sum = (of.Alpha * sum) + (of.Beta * c[at]) + (bias?[j] ?? 0);
                    kept[at] = (float)sum;
                    double activated = of.Activation == ActivationKind.GeluTanh
                        ? 0.5 * sum * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (sum + (0.044715 * sum * sum * sum))))
                        : sum;
                    result[at] = (float)(activated + (residual ? this.residual![at] : 0));
                }
            }
        }

        return (result, kept);
    }

    public static void AssertClose(float[] expected, float[] actual, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            if (!(Math.Abs(expected[i] - actual[i]) <= Tolerance * (1 + Math.Abs(expected[i]))))
            {
                Assert.Fail($"{what}: element {i} is {actual[i]} and should be {expected[i]}");
            }
        }
    }

    public void Dispose() => buffers.ForEach(buffer => buffer.Dispose());

    private static float[] Values(int seed, long count)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, (int)count).Select(_ => random.NextSingle() - 0.5f)];
    }

    private long Extent(int rows, int columns, long stride, long batchStride) =>
        rows == 0 || columns == 0 ? 0 : ((shape.Batch - 1) * batchStride) + ((rows - 1) * stride) + columns;

    private float Rounded(float value) => shape.Products == ElementType.BFloat16 ? (float)(BFloat16)value : (float)(Half)value;

    private void FillWorkspace()
    {
        if (Workspace.Length == 0)
        {
            return;
        }

        int stride = (shape.K + 7) / 8 * 8;
        var rounded = new float[shape.Batch * shape.M * stride];
        for (int row = 0; row < shape.Batch * shape.M; row++)
        {
            long from = (row / shape.M * shape.BatchStrideA) + ((long)(row % shape.M) * shape.RowStrideA);
            a.AsSpan((int)from, shape.K).CopyTo(rounded.AsSpan(row * stride));
        }

        if (shape.Products == ElementType.BFloat16)
        {
            Workspace.Buffer.Write<BFloat16>([.. rounded.Select(value => (BFloat16)value)]);
        }
        else
        {
            Workspace.Buffer.Write<Half>([.. rounded.Select(value => (Half)value)]);
        }
    }

    private BufferView<float> Put(float[] values, int first)
    {
        DeviceBuffer buffer = device.Allocate((values.Length + first) * sizeof(float), "operands");
        buffers.Add(buffer);
        BufferView<float> view = buffer.View<float>(first * sizeof(float));
        view.Write(values);
        return view;
    }

    private BufferView<T> PutStored<T>(T[] values)
        where T : unmanaged
    {
        DeviceBuffer buffer = device.Allocate(values.Length * 2, "operands");
        buffers.Add(buffer);
        buffer.Write<T>(values);
        return buffer.View<T>();
    }
}
