using Engine.Devices;
using Engine.Devices.Cpu;
using Engine.Kernels.Host;

namespace Engine.Kernels.Tests;

/// <summary>Matrix products against double precision, over every path of the cpu device and every layout.</summary>
public sealed class MatMulTests
{
    /// <summary>Odd sizes around the edges of register tiles, panels and blocks, and the shapes of LoRA and of a classification head.</summary>
    private static readonly (int M, int N, int K)[] Sizes =
    [
        (1, 1, 1), (3, 5, 7), (8, 48, 16), (9, 49, 17), (7, 47, 300), (33, 33, 64), (33, 100, 65), (64, 96, 256), (65, 97, 257), (130, 50, 513),
        (137, 211, 33), (50, 8, 100), (50, 7, 8), (50, 130, 8), (8, 130, 90), (5, 200, 70), (200, 5, 70), (100, 31, 128), (31, 100, 600), (40, 300, 5),
    ];

    public static TheoryData<string, MatMulLayout> DevicesAndLayouts => TestDevices.With(MatMulLayout.NN, MatMulLayout.NT, MatMulLayout.TN);

    public static TheoryData<string, ActivationKind> DevicesAndActivations =>
        TestDevices.With(ActivationKind.None, ActivationKind.GeluErf, ActivationKind.GeluTanh, ActivationKind.Tanh);

    public static TheoryData<string> Devices => TestDevices.Names;

    [Theory]
    [MemberData(nameof(DevicesAndLayouts))]
    public void Products_agree_with_double_precision(string name, MatMulLayout layout)
    {
        using Device device = TestDevices.Open(name);
        foreach ((int m, int n, int k) in Sizes)
        {
            Check(device, new MatMulShape(m, n, k, layout));
            Check(device, new MatMulShape(m, n, k, layout) { Alpha = -0.75f, Beta = 1f });
        }
    }

    [Theory]
    [MemberData(nameof(DevicesAndLayouts))]
    public void Strides_leave_the_gaps_untouched(string name, MatMulLayout layout)
    {
        using Device device = TestDevices.Open(name);
        foreach ((int m, int n, int k) in Sizes)
        {
            var dense = new MatMulShape(m, n, k, layout);
            Check(device, dense with { StrideA = dense.ColumnsA + 3, StrideB = dense.ColumnsB + 5, StrideC = n + 7, Beta = n % 2 });
        }
    }

    [Theory]
    [MemberData(nameof(DevicesAndLayouts))]
    public void Batches_are_separate_products(string name, MatMulLayout layout)
    {
        using Device device = TestDevices.Open(name);
        foreach ((int m, int n, int k) in new[] { (5, 6, 7), (40, 50, 60), (40, 8, 90) })
        {
            var one = new MatMulShape(m, n, k, layout) { Batch = 3, BatchStrideC = (m * n) + 11 };
            Check(device, one with { BatchStrideA = (m * k) + 2, BatchStrideB = k * n });
            Check(device, one with { BatchStrideA = m * k, BatchStrideB = 0, Beta = 1f });
        }
    }

    [Theory]
    [MemberData(nameof(DevicesAndActivations))]
    public void Epilogue_applies_bias_activation_and_residual_in_this_order(string name, ActivationKind activation)
    {
        using Device device = TestDevices.Open(name);
        foreach (MatMulLayout layout in Enum.GetValues<MatMulLayout>())
        {
            foreach ((int m, int n, int k) in new[] { (37, 101, 300), (40, 96, 20), (5, 101, 70), (101, 5, 70) })
            {
                var shape = new MatMulShape(m, n, k, layout) { Activation = activation, StrideC = n + 1 };
                Check(device, shape, bias: true, residual: true, preactivation: true);
                Check(device, shape with { Beta = 1f }, bias: false, residual: true, preactivation: false);
                Check(device, shape, bias: true, residual: false, preactivation: true);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Threads_do_not_change_a_bit(string name)
    {
        foreach (MatMulLayout layout in Enum.GetValues<MatMulLayout>())
        {
            foreach ((int m, int n, int k) in new[] { (129, 150, 700), (20, 150, 700), (150, 20, 700), (150, 20, 40) })
            {
                var shape = new MatMulShape(m, n, k, layout) { Activation = ActivationKind.GeluErf };
                float[] one = Run(name, 1, shape);
                Assert.Equal(one, Run(name, 2, shape));
                Assert.Equal(one, Run(name, 3, shape));
            }
        }
    }

    [Fact]
    public void Every_register_width_agrees_with_double_precision()
    {
        using var device = new CpuDevice(new CpuOptions { Threads = 2 });
        foreach (MatMulLayout layout in Enum.GetValues<MatMulLayout>())
        {
            foreach ((int m, int n, int k) in Sizes)
            {
                var shape = new MatMulShape(m, n, k, layout);
                CheckBound(device, shape, (a, b, c) => MatMulHost.Create<Simd512, Tile8<Simd512>>(device, shape, MatMulOperands.Of(shape, a, b, c), default));
                CheckBound(device, shape, (a, b, c) => MatMulHost.Create<Simd256, Tile4<Simd256>>(device, shape, MatMulOperands.Of(shape, a, b, c), default));
                CheckBound(device, shape, (a, b, c) => MatMulHost.Create<Simd128, Tile4<Simd128>>(device, shape, MatMulOperands.Of(shape, a, b, c), default));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void A_sum_over_nothing_is_zero(string name)
    {
        using Device device = TestDevices.Open(name);
        foreach (MatMulLayout layout in Enum.GetValues<MatMulLayout>())
        {
            Check(device, new MatMulShape(40, 50, 0, layout), bias: true, residual: false, preactivation: false);
            Check(device, new MatMulShape(4, 5, 0, layout), bias: true, residual: false, preactivation: false);
        }
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Running_a_product_allocates_nothing_managed(string name)
    {
        using Device device = TestDevices.Open(name);
        using var a = new GuardedBuffer(device, Values.Uniform(1, 300 * 200));
        using var c = new GuardedBuffer(device, new float[300 * 300]);
        using Launch launch = MatMul.Bind(device, new MatMulShape(300, 300, 200, MatMulLayout.NT), a.View, a.View, c.View);
        launch.Enqueue();
        long before = GC.GetAllocatedBytesForCurrentThread();
        launch.Enqueue();
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Wrong_arguments_are_refused_with_the_operand_named(string name)
    {
        using Device device = TestDevices.Open(name);
        using var small = new GuardedBuffer(device, new float[19]);
        using var large = new GuardedBuffer(device, new float[20]);
        var shape = new MatMulShape(4, 5, 4, MatMulLayout.NN);
        Assert.Contains("B is a view of 19", Refused(shape, large, small, large), StringComparison.Ordinal);
        Assert.Contains("C is a view of 19", Refused(shape, large, large, small), StringComparison.Ordinal);
        Assert.Contains("Beta is 0.5", Refused(shape with { Beta = 0.5f }, large, large, large), StringComparison.Ordinal);
        Assert.Contains("A has 4 columns, rows 3", Refused(shape with { StrideA = 3 }, large, large, large), StringComparison.Ordinal);

        string Refused(MatMulShape wrong, GuardedBuffer a, GuardedBuffer b, GuardedBuffer c)
            => Assert.Throws<ArgumentException>(() => MatMul.Bind(device, wrong, a.View, b.View, c.View)).Message;
    }

    private static float[] Run(string name, int threads, MatMulShape shape)
    {
        using Device device = TestDevices.Open(name, threads);
        using var a = new GuardedBuffer(device, Values.Uniform(1, shape.M * shape.K));
        using var b = new GuardedBuffer(device, Values.Uniform(2, shape.K * shape.N));
        using var c = new GuardedBuffer(device, new float[shape.M * shape.N]);
        using Launch launch = MatMul.Bind(device, shape, a.View, b.View, c.View);
        launch.Enqueue();
        device.Synchronize();
        return c.Read();
    }

    private static void Check(Device device, MatMulShape shape, bool bias = false, bool residual = false, bool preactivation = false)
        => Check(device, shape, bias, residual, preactivation, (a, b, c, biasView, residualView, preactivationView) =>
            MatMul.Bind(device, shape, a, b, c, biasView, residualView, preactivationView));

    private static void CheckBound(Device device, MatMulShape shape, Func<BufferView<float>, BufferView<float>, BufferView<float>, Launch> bind)
        => Check(device, shape, false, false, false, (a, b, c, _, _, _) => bind(a, b, c));

    private static void Check(Device device, MatMulShape shape, bool useBias, bool useResidual, bool usePreactivation, BindProduct bind)
    {
        int rowsA = shape.Layout == MatMulLayout.TN ? shape.K : shape.M, rowsB = shape.Layout == MatMulLayout.NT ? shape.N : shape.K;
        float[] a = Values.Uniform(1, Length(rowsA, shape.ColumnsA, shape.RowStrideA, shape.BatchStrideA, shape.Batch));
        float[] b = Values.Uniform(2, Length(rowsB, shape.ColumnsB, shape.RowStrideB, shape.BatchStrideB, shape.Batch));
        int lengthC = Length(shape.M, shape.N, shape.RowStrideC, shape.BatchStrideC, shape.Batch);
        float[] c = Values.Uniform(3, lengthC);
        if (shape.Beta == 0)
        {
            Array.Fill(c, float.NaN);
        }

        float[]? bias = useBias ? Values.Uniform(4, shape.N) : null, residual = useResidual ? Values.Uniform(5, lengthC) : null;
        MatMulReference.Result expected = MatMulReference.Compute(shape, a, b, c, bias, residual);

        using var bufferA = new GuardedBuffer(device, a);
        using var bufferB = new GuardedBuffer(device, b);
        using var bufferC = new GuardedBuffer(device, c);
        using var bufferBias = new GuardedBuffer(device, bias ?? []);
        using var bufferResidual = new GuardedBuffer(device, residual ?? []);
        using var bufferPreactivation = new GuardedBuffer(device, usePreactivation ? c : []);
        using Launch launch = bind(
            bufferA.View, bufferB.View, bufferC.View,
            useBias ? bufferBias.View : null, useResidual ? bufferResidual.View : null, usePreactivation ? bufferPreactivation.View : null);
        launch.Enqueue();
        device.Synchronize();
        Compare(shape, "C", c, bufferC.Read(), expected.C, expected.Tolerance);
        if (usePreactivation)
        {
            Compare(shape, "preactivation", c, bufferPreactivation.Read(), expected.Preactivation, expected.Tolerance);
        }
    }

    private static void Compare(MatMulShape shape, string what, float[] before, float[] actual, double[] expected, double[] tolerance)
    {
        for (int at = 0; at < actual.Length; at++)
        {
            // A tolerance of zero marks the gaps between rows and matrices, which keep what they held.
            bool right = tolerance[at] == 0 ? actual[at].Equals(before[at]) : Math.Abs(actual[at] - expected[at]) <= tolerance[at];
            Assert.True(right, $"{shape}: {what}[{at}] is {actual[at]}, expected {(tolerance[at] == 0 ? before[at] : expected[at])} within {tolerance[at]}");
        }
    }

    private static int Length(int rows, int columns, int stride, long batchStride, int batch)
        => rows == 0 || columns == 0 ? 0 : checked((int)(((batch - 1) * batchStride) + ((long)(rows - 1) * stride) + columns));

    private delegate Launch BindProduct(
        BufferView<float> a, BufferView<float> b, BufferView<float> c, BufferView<float>? bias, BufferView<float>? residual, BufferView<float>? preactivation);
}
