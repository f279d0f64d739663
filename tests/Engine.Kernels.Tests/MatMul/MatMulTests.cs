using Engine.Devices;
using Engine.Devices.Cpu;
using Engine.Devices.Kernels;
using Engine.Kernels.Host;
using Engine.Tests;

namespace Engine.Kernels.Tests;

/// <summary>Matrix products against double precision, over every path of the cpu device and every layout.</summary>
public sealed class MatMulTests
{
    /// <summary>
    /// Odd sizes around the edges of register tiles, panels and blocks, and the shapes of LoRA and of a classification head.
    /// </summary>
    private static readonly (int M, int N, int K)[] Sizes =
    [
        (1, 1, 1), (3, 5, 7), (8, 48, 16), (9, 49, 17), (7, 47, 300), (33, 33, 64), (33, 100, 65), (64, 96, 256), (65, 97, 257),
        (130, 50, 513),
        (137, 211, 33), (50, 8, 100), (50, 7, 8), (50, 130, 8), (8, 130, 90), (5, 200, 70), (200, 5, 70), (100, 31, 128), (31, 100, 600),
        (40, 300, 5),
        (1, 70, 64), (1, 33, 333), (2, 40, 95), (4, 70, 97), (7, 35, 130),
    ];

    /// <summary>In a plain run every fourth: kernels on the managed executor take a fifth of a second for each.</summary>
    private static readonly (int M, int N, int K)[] SomeSizes = [.. Sizes.Where((_, i) => WantedDevices.Long || i % 4 == 3)];

    private static (int M, int N, int K)[] SizesOn(string device) => MatMulCheck.IsThorough(device) ? Sizes : SomeSizes;

    public static TheoryData<string, MatMulLayout> DevicesAndLayouts => TestDevices.With(MatMulLayout.NN, MatMulLayout.NT, MatMulLayout.TN);

    public static TheoryData<string, ActivationKind> DevicesAndActivations =>
        TestDevices.With(Enum.GetValues<ActivationKind>());

    public static TheoryData<string, ElementType> DevicesAndStorages => TestDevices.With(ElementType.Float16, ElementType.BFloat16);

    public static TheoryData<string> Devices => TestDevices.Names;

    [Theory]
    [MemberData(nameof(DevicesAndLayouts))]
    public void Products_agree_with_double_precision(string name, MatMulLayout layout)
    {
        foreach ((int m, int n, int k) in SizesOn(name))
        {
            MatMulCheck.Product(name, new MatMulShape(m, n, k, layout));
            MatMulCheck.Product(name, new MatMulShape(m, n, k, layout) { Alpha = -0.75f, Beta = 1f });
        }
    }

    /// <summary>Weights are values that the type holds exactly, so the tolerance is float32's.</summary>
    [Theory]
    [MemberData(nameof(DevicesAndStorages))]
    public void Weights_in_16_bits_give_the_products_of_their_values(string name, ElementType type)
    {
        foreach (MatMulLayout layout in new[] { MatMulLayout.NT, MatMulLayout.NN })
        {
            foreach ((int m, int n, int k) in SomeSizes)
            {
                var dense = new MatMulShape(m, n, k, layout);
                MatMulCheck.Product(name, dense, typeB: type);
                MatMulCheck.Product(name, dense with
                {
                    Alpha = -0.75f,
                    StrideA = dense.ColumnsA + 3,
                    StrideB = dense.ColumnsB + 5,
                    StrideC = n + 7,
                    Beta = n % 2
                }, typeB: type);
            }

            var one = new MatMulShape(40, 50, 60, layout)
            {
                Batch = 3,
                BatchStrideA = 2400,
                BatchStrideB = 3001,
                BatchStrideC = 2011,
                Activation = ActivationKind.GeluErf
            };
            MatMulCheck.Product(name, one, bias: true, residual: true, preactivation: true, typeB: type);
        }
    }

    [Theory]
    [MemberData(nameof(DevicesAndStorages))]
    public void Storage_does_not_change_a_bit(string name, ElementType type)
    {
        foreach (MatMulLayout layout in new[] { MatMulLayout.NT, MatMulLayout.NN })
        {
            foreach ((int m, int n, int k) in MatMulCheck.IsThorough(name)
                ? new[] { (1, 150, 700), (8, 150, 700), (129, 150, 700) }
                : [(1, 70, 200), (8, 70, 200), (65, 70, 40)])
            {
                var shape = new MatMulShape(m, n, k, layout);
                using var run = new KernelRun(TestDevices.Open(name));
                float[] b = StoredWeights.Values(type, 2, k * n);
                BufferView<float> a = run.Put(Numbers.Values(1, m * k)), expected = run.Output(m * n), actual = run.Output(m * n);
                run.Run(MatMul.Bind(run.Device, shape, a, run.Put(b), expected),
                    MatMul.Bind(run.Device, shape, a, run.PutStored(type, b), actual));
                Assert.Equal(expected.ToArray(), actual.ToArray());
                Numbers.RequireComputed(actual.ToArray());
            }
        }
    }

    /// <summary>What a text is answered with must not depend on the texts beside it.</summary>
    [Theory]
    [MemberData(nameof(Devices))]
    public void A_row_of_up_to_eight_is_the_same_sum_however_many_there_are(string name)
    {
        const int N = 70, K = 333;
        using var run = new KernelRun(TestDevices.Open(name));
        float[] a = Numbers.Values(1, 8 * K);
        BufferView<float> all = run.Output(8 * N), viewA = run.Put(a), b = run.Put(Numbers.Values(2, N * K));
        run.Run(MatMul.Bind(run.Device, new MatMulShape(8, N, K, MatMulLayout.NT), viewA, b, all));
        Numbers.RequireComputed(all.ToArray());
        foreach (int m in new[] { 1, 2, 5 })
        {
            BufferView<float> some = run.Output(m * N);
            run.Run(MatMul.Bind(run.Device, new MatMulShape(m, N, K, MatMulLayout.NT), viewA, b, some));
            Assert.Equal(all.ToArray()[..(m * N)], some.ToArray());
        }
    }

    [Theory]
    [MemberData(nameof(DevicesAndLayouts))]
    public void Strides_leave_the_gaps_untouched(string name, MatMulLayout layout)
    {
        foreach ((int m, int n, int k) in SizesOn(name))
        {
            var dense = new MatMulShape(m, n, k, layout);
            MatMulCheck.Product(
                name, dense with { StrideA = dense.ColumnsA + 3, StrideB = dense.ColumnsB + 5, StrideC = n + 7, Beta = n % 2 });
        }
    }

    [Theory]
    [MemberData(nameof(DevicesAndLayouts))]
    public void Batches_are_separate_products(string name, MatMulLayout layout)
    {
        foreach ((int m, int n, int k) in new[] { (5, 6, 7), (40, 50, 60), (40, 8, 90) })
        {
            var one = new MatMulShape(m, n, k, layout) { Batch = 3, BatchStrideC = (m * n) + 11 };
            MatMulCheck.Product(name, one with { BatchStrideA = (m * k) + 2, BatchStrideB = k * n });
            MatMulCheck.Product(name, one with { BatchStrideA = m * k, BatchStrideB = 0, Beta = 1f });
        }
    }

    [Theory]
    [MemberData(nameof(DevicesAndActivations))]
    public void Epilogue_applies_bias_activation_and_residual_in_this_order(string name, ActivationKind activation)
    {
        foreach (MatMulLayout layout in Enum.GetValues<MatMulLayout>())
        {
            (int M, int N, int K)[] sizes = [(40, 96, 20), (5, 101, 70), (101, 5, 70), (37, 101, 300)];
            foreach ((int m, int n, int k) in MatMulCheck.IsThorough(name) ? sizes : sizes[..3])
            {
                var shape = new MatMulShape(m, n, k, layout) { Activation = activation, StrideC = n + 1 };
                MatMulCheck.Product(name, shape, bias: true, residual: true, preactivation: true);
                MatMulCheck.Product(name, shape with { Beta = 1f }, bias: false, residual: true, preactivation: false);
                MatMulCheck.Product(name, shape, bias: true, residual: false, preactivation: true);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Threads_do_not_change_a_bit(string name)
    {
        foreach (MatMulLayout layout in Enum.GetValues<MatMulLayout>())
        {
            // The managed executor's pieces are groups, whatever the sizes; the host's are panels and blocks.
            foreach ((int m, int n, int k) in MatMulCheck.IsThorough(name)
                ? new[] { (129, 150, 700), (20, 150, 700), (150, 20, 700), (150, 20, 40) }
                : [(70, 66, 70), (66, 20, 40)])
            {
                var shape = new MatMulShape(m, n, k, layout) { Activation = ActivationKind.GeluErf };
                float[] one = Run(name, 1, shape);
                Numbers.RequireComputed(one);
                Assert.Equal(one, Run(name, 2, shape));
                Assert.Equal(one, Run(name, 3, shape));
            }
        }
    }

    [Fact]
    [Trait("Category", "Long")]
    public void Every_register_width_agrees_with_double_precision()
    {
        foreach (MatMulLayout layout in Enum.GetValues<MatMulLayout>())
        {
            foreach (ElementType type in layout == MatMulLayout.TN ? [ElementType.Float32] : StoredWeights.Types)
            {
                foreach ((int m, int n, int k) in Sizes)
                {
                    var shape = new MatMulShape(m, n, k, layout);
                    CheckWidth<Simd512, Tile8<Simd512>>(shape, type);
                    CheckWidth<Simd256, Tile4<Simd256>>(shape, type);
                    CheckWidth<Simd128, Tile4<Simd128>>(shape, type);
                }
            }
        }
    }

    [Fact]
    public void Products_in_16_bits_need_tiles_and_a_weight_of_their_type()
    {
        using var run = new KernelRun(TestDevices.Open("cpu"));
        BufferView<float> c = run.Output(20);
        var shape = new MatMulShape(4, 5, 4, MatMulLayout.NT) { Products = ElementType.BFloat16 };
        Assert.Contains(
            "Products in BFloat16 need tiles, and",
            Assert.Throws<ArgumentException>(() => MatMul.Bind(run.Device, shape, c, run.Put(new BFloat16[20]), c)).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "products are in BFloat16, and B stores Float16",
            Assert.Throws<ArgumentException>(() => MatMul.Bind(run.Device, shape, c, run.Put(new Half[20]), c)).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "Products of Int8 are not", Assert.Throws<ArgumentException>(() => MatrixUnits.Check(run.Device, ElementType.Int8)).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void A_sum_over_nothing_is_zero(string name)
    {
        foreach (MatMulLayout layout in Enum.GetValues<MatMulLayout>())
        {
            MatMulCheck.Product(name, new MatMulShape(40, 50, 0, layout), bias: true, residual: false, preactivation: false);
            MatMulCheck.Product(name, new MatMulShape(4, 5, 0, layout), bias: true, residual: false, preactivation: false);
        }
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Running_a_product_allocates_nothing_managed(string name)
    {
        using var run = new KernelRun(TestDevices.Open(name));
        BufferView<float> a = run.Put(Numbers.Values(1, 300 * 200));
        using Launch launch = MatMul.Bind(run.Device, new MatMulShape(300, 300, 200, MatMulLayout.NT), a, a, run.Output(300 * 300));
        launch.Enqueue();
        long before = GC.GetAllocatedBytesForCurrentThread();
        launch.Enqueue();
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Wrong_arguments_are_refused_with_the_operand_named(string name)
    {
        using var run = new KernelRun(TestDevices.Open(name));
        BufferView<float> small = run.Output(19), large = run.Output(20);
        var shape = new MatMulShape(4, 5, 4, MatMulLayout.NN);
        Assert.Contains("B is a view of 19", Refused(shape, large, small, large), StringComparison.Ordinal);
        Assert.Contains("C is a view of 19", Refused(shape, large, large, small), StringComparison.Ordinal);
        Assert.Contains("Beta is 0.5", Refused(shape with { Beta = 0.5f }, large, large, large), StringComparison.Ordinal);
        Assert.Contains(
            "B stores BFloat16; in TN",
            Assert.Throws<ArgumentException>(
                () => MatMul.Bind(run.Device, shape with { Layout = MatMulLayout.TN }, large, run.Put(new BFloat16[20]), large)).Message,
            StringComparison.Ordinal);
        Assert.Contains("A has 4 columns, rows 3", Refused(shape with { StrideA = 3 }, large, large, large), StringComparison.Ordinal);

        string Refused(MatMulShape wrong, BufferView<float> a, BufferView<float> b, BufferView<float> c)
            => Assert.Throws<ArgumentException>(() => MatMul.Bind(run.Device, wrong, a, b, c)).Message;
    }

    private static float[] Run(string name, int threads, MatMulShape shape)
    {
        using var run = new KernelRun(TestDevices.Open(name, threads));
        BufferView<float> a = run.Put(Numbers.Values(1, shape.M * shape.K)), b = run.Put(Numbers.Values(2, shape.K * shape.N));
        BufferView<float> c = run.Output(shape.M * shape.N);
        run.Run(MatMul.Bind(run.Device, shape, a, b, c));
        return c.ToArray();
    }

    private static void CheckWidth<T, TTile>(MatMulShape shape, ElementType type)
        where T : struct, ISimd<T>
        where TTile : struct, ITile<T>
        => MatMulCheck.Bound(TestDevices.Open("cpu"), shape, (device, a, b, c, bias, residual, preactivation) =>
        {
            var views = new MatMulViews(a, b, c, bias, residual, preactivation);
            return MatMulHost.Create<T, TTile>((CpuDevice)device, shape, MatMulOperands.Of(shape, views), new MatMulEpilogue(shape, views));
        }, typeB: type);
}
