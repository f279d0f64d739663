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

    private static (int M, int N, int K)[] SizesOn(string device) => IsThorough(device) ? Sizes : SomeSizes;

    private static bool IsThorough(string device) => device != "cpu-managed" || WantedDevices.Long;

    public static TheoryData<string, MatMulLayout> DevicesAndLayouts => TestDevices.With(MatMulLayout.NN, MatMulLayout.NT, MatMulLayout.TN);

    public static TheoryData<string, ActivationKind> DevicesAndActivations =>
        TestDevices.With(Enum.GetValues<ActivationKind>());

    public static TheoryData<string, ElementType> DevicesAndStorages => TestDevices.With(ElementType.Float16, ElementType.BFloat16);

    /// <summary>Devices that run kernels of tiles.</summary>
    public static TheoryData<string, ElementType> TileDevicesAndStorages
    {
        get
        {
            var rows = new TheoryData<string, ElementType>();
            foreach (string device in TestDevices.All.Where(device => device != "cpu"))
            {
                rows.Add(device, ElementType.Float16);
                rows.Add(device, ElementType.BFloat16);
            }

            return rows;
        }
    }

    public static TheoryData<string> Devices => TestDevices.Names;

    /// <summary>The layouts that store A's rows one after another.</summary>
    public static TheoryData<string, MatMulLayout> KernelDevicesAndLayoutsOfRows =>
        TestDevices.WithKernels(MatMulLayout.NN, MatMulLayout.NT);

    public static TheoryData<string, MatMulLayout> KernelDevicesAndLayouts =>
        TestDevices.WithKernels(MatMulLayout.NN, MatMulLayout.NT, MatMulLayout.TN);

    [Theory]
    [MemberData(nameof(DevicesAndLayouts))]
    public void Products_agree_with_double_precision(string name, MatMulLayout layout)
    {
        foreach ((int m, int n, int k) in SizesOn(name))
        {
            Check(name, new MatMulShape(m, n, k, layout));
            Check(name, new MatMulShape(m, n, k, layout) { Alpha = -0.75f, Beta = 1f });
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
                Check(name, dense, typeB: type);
                Check(name, dense with
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
            Check(name, one, bias: true, residual: true, preactivation: true, typeB: type);
        }
    }

    [Theory]
    [MemberData(nameof(DevicesAndStorages))]
    public void Storage_does_not_change_a_bit(string name, ElementType type)
    {
        foreach (MatMulLayout layout in new[] { MatMulLayout.NT, MatMulLayout.NN })
        {
            foreach ((int m, int n, int k) in IsThorough(name)
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
            Check(name, dense with { StrideA = dense.ColumnsA + 3, StrideB = dense.ColumnsB + 5, StrideC = n + 7, Beta = n % 2 });
        }
    }

    [Theory]
    [MemberData(nameof(DevicesAndLayouts))]
    public void Batches_are_separate_products(string name, MatMulLayout layout)
    {
        foreach ((int m, int n, int k) in new[] { (5, 6, 7), (40, 50, 60), (40, 8, 90) })
        {
            var one = new MatMulShape(m, n, k, layout) { Batch = 3, BatchStrideC = (m * n) + 11 };
            Check(name, one with { BatchStrideA = (m * k) + 2, BatchStrideB = k * n });
            Check(name, one with { BatchStrideA = m * k, BatchStrideB = 0, Beta = 1f });
        }
    }

    [Theory]
    [MemberData(nameof(DevicesAndActivations))]
    public void Epilogue_applies_bias_activation_and_residual_in_this_order(string name, ActivationKind activation)
    {
        foreach (MatMulLayout layout in Enum.GetValues<MatMulLayout>())
        {
            (int M, int N, int K)[] sizes = [(40, 96, 20), (5, 101, 70), (101, 5, 70), (37, 101, 300)];
            foreach ((int m, int n, int k) in IsThorough(name) ? sizes : sizes[..3])
            {
                var shape = new MatMulShape(m, n, k, layout) { Activation = activation, StrideC = n + 1 };
                Check(name, shape, bias: true, residual: true, preactivation: true);
                Check(name, shape with { Beta = 1f }, bias: false, residual: true, preactivation: false);
                Check(name, shape, bias: true, residual: false, preactivation: true);
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
            foreach ((int m, int n, int k) in IsThorough(name)
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

    /// <summary>Thin shapes too, which would not choose this form.</summary>
    [Theory]
    [MemberData(nameof(KernelDevicesAndLayouts))]
    public void The_form_for_groups_agrees_with_double_precision(string name, MatMulLayout layout)
    {
        foreach ((int m, int n, int k) in new[] { (1, 1, 1), (3, 5, 7), (64, 64, 16), (65, 63, 33), (130, 70, 50), (40, 50, 0) })
        {
            var shape = new MatMulShape(m, n, k, layout);
            CheckGroups(shape, false);
            CheckGroups(
                shape with { Alpha = -0.75f, Beta = 1f, StrideA = shape.ColumnsA + 3, StrideB = shape.ColumnsB + 5, StrideC = n + 7 },
                false);
            CheckGroups(shape with { Alpha = -0.75f }, false, layout == MatMulLayout.TN ? ElementType.Float32 : ElementType.Float16);
            CheckGroups(
                shape with { StrideB = shape.ColumnsB + 5 }, false, layout == MatMulLayout.TN ? ElementType.Float32 : ElementType.BFloat16);
            CheckGroups(
                shape with
                {
                    Batch = 2,
                    BatchStrideA = m * k,
                    BatchStrideB = k * n,
                    BatchStrideC = (m * n) + 3,
                    Activation = ActivationKind.GeluErf
                }, true);
        }

        void CheckGroups(MatMulShape shape, bool epilogue, ElementType type = ElementType.Float32) =>
            Check(TestDevices.Open(name), shape, (device, a, b, c, bias, residual, preactivation) =>
                MatMulGroups.Bind(device, shape, new MatMulViews(a, b, c, bias, residual, preactivation)), epilogue, epilogue,
                    epilogue, type);
    }

    /// <summary>Thin rows, columns and both, around the widths and around the steps that are read at a time.</summary>
    [Theory]
    [MemberData(nameof(KernelDevicesAndLayouts))]
    public void The_form_for_thin_groups_agrees_with_double_precision(string name, MatMulLayout layout)
    {
        ElementType half = layout == MatMulLayout.TN ? ElementType.Float32 : ElementType.Float16,
            brain = layout == MatMulLayout.TN ? ElementType.Float32 : ElementType.BFloat16;
        (int M, int N, int K)[] sizes =
        [
            (1, 1, 1), (1, 70, 257), (2, 40, 127), (5, 33, 128), (8, 17, 255), (16, 40, 333), (40, 1, 256), (70, 3, 129), (33, 8, 513),
            (40, 16, 70), (16, 16, 300), (7, 9, 40), (40, 5, 0),
        ];
        foreach ((int m, int n, int k) in sizes.Where((_, i) => IsThorough(name) || i % 2 == 0))
        {
            var shape = new MatMulShape(m, n, k, layout);
            CheckThin(shape, false);
            CheckThin(
                shape with { Alpha = -0.75f, Beta = 1f, StrideA = shape.ColumnsA + 3, StrideB = shape.ColumnsB + 5, StrideC = n + 7 },
                false);
            CheckThin(shape with { Alpha = -0.75f }, false, half);
            CheckThin(shape with { StrideB = shape.ColumnsB + 5 }, false, brain);
            CheckThin(
                shape with
                {
                    Batch = 2,
                    BatchStrideA = m * k,
                    BatchStrideB = k * n,
                    BatchStrideC = (m * n) + 3,
                    Activation = ActivationKind.GeluErf
                }, true);
        }

        void CheckThin(MatMulShape shape, bool epilogue, ElementType type = ElementType.Float32) =>
            Check(TestDevices.Open(name), shape, (device, a, b, c, bias, residual, preactivation) =>
                MatMulThinGroups.Bind(device, shape, new MatMulViews(a, b, c, bias, residual, preactivation)), epilogue, epilogue,
                    epilogue, type);
    }

    /// <summary>What a text is answered with must not depend on the texts beside it.</summary>
    [Theory]
    [MemberData(nameof(KernelDevicesAndLayoutsOfRows))]
    public void A_row_of_the_thin_form_is_the_same_sum_however_many_there_are(string name, MatMulLayout layout)
    {
        const int N = 70, K = 333, Rows = MatMulThinGroups.MaxNarrow;
        using var run = new KernelRun(TestDevices.Open(name));
        BufferView<float> all = run.Output(Rows * N), a = run.Put(Numbers.Values(1, Rows * K)), b = run.Put(Numbers.Values(2, N * K));
        run.Run(MatMulThinGroups.Bind(run.Device, new MatMulShape(Rows, N, K, layout), new MatMulViews(a, b, all, null, null, null)));
        Numbers.RequireComputed(all.ToArray());
        foreach (int m in new[] { 1, 2, 5, 9 })
        {
            BufferView<float> some = run.Output(m * N);
            run.Run(MatMulThinGroups.Bind(run.Device, new MatMulShape(m, N, K, layout), new MatMulViews(a, b, some, null, null, null)));
            Assert.Equal(all.ToArray()[..(m * N)], some.ToArray());
        }
    }

    /// <summary>
    /// The managed executor and OpenCL run the form by loops. What it may differ by from double precision on operands rounded to the type
    /// is float32 sums.
    /// </summary>
    [Theory]
    [MemberData(nameof(TileDevicesAndStorages))]
    public void The_form_for_matrix_units_agrees_with_double_precision_on_rounded_operands(string name, ElementType type)
    {
        foreach (MatMulLayout layout in new[] { MatMulLayout.NT, MatMulLayout.NN })
        {
            (int M, int N, int K)[] sizes = [(1, 1, 1), (65, 63, 33), (40, 50, 0), (66, 72, 104), (3, 5, 7), (64, 64, 32), (130, 70, 50)];
            foreach ((int m, int n, int k) in IsThorough(name) ? sizes : sizes[..4])
            {
                var shape = new MatMulShape(m, n, k, layout);
                CheckMatrixUnits(TestDevices.Open(name), shape, false, type);
                CheckMatrixUnits(
                    TestDevices.Open(name),
                    shape with { Alpha = -0.75f, Beta = 1f, StrideA = shape.ColumnsA + 3, StrideB = shape.ColumnsB + 5, StrideC = n + 7 },
                    false, type);
                CheckMatrixUnits(TestDevices.Open(name), shape with { StrideB = shape.ColumnsB + Tile.Alignment }, false, type);
                CheckMatrixUnits(
                    TestDevices.Open(name),
                    shape with
                    {
                        Batch = 2,
                        BatchStrideA = m * k,
                        BatchStrideB = k * n,
                        BatchStrideC = (m * n) + 3,
                        Activation = ActivationKind.GeluErf
                    }, true, type);
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
            Check(name, new MatMulShape(40, 50, 0, layout), bias: true, residual: false, preactivation: false);
            Check(name, new MatMulShape(4, 5, 0, layout), bias: true, residual: false, preactivation: false);
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

    /// <summary>Holds the form for matrix units against double precision; disposes the device.</summary>
    internal static void CheckMatrixUnits(Device card, MatMulShape shape, bool epilogue, ElementType type) =>
        Check(card, shape, (device, a, b, c, bias, residual, preactivation) =>
            MatMulMatrixUnits.Bind(device, shape, new MatMulViews(a, b, c, bias, residual, preactivation)), epilogue, epilogue, epilogue,
                type, roundA: true);

    /// <summary>Holds a product of float32 matrices, by whatever computes it on the device, against double precision.</summary>
    internal static void CheckFloat32(string name, MatMulShape shape, bool epilogue) => Check(name, shape, epilogue, epilogue, epilogue);

    /// <summary>Holds a product in 16 bits, by whatever computes it on the device, against double precision; disposes the device.</summary>
    internal static void CheckProducts(Device card, MatMulShape shape, bool epilogue, ElementType type) => Check(
        card,
        shape with { Products = type },
        (device, a, b, c, bias, residual, preactivation) =>
        {
            DeviceBuffer workspace =
                device.Allocate(sizeof(float) * MatMul.Workspace(device, shape with { Products = type }, type), "workspace");
            return MatMul.Bind(device, shape with { Products = type }, a, b, c, bias, residual, preactivation, workspace.View<float>());
        },
        epilogue,
        epilogue,
        epilogue,
        type,
        roundA: true);

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
        => Check(TestDevices.Open("cpu"), shape, (device, a, b, c, bias, residual, preactivation) =>
        {
            var views = new MatMulViews(a, b, c, bias, residual, preactivation);
            return MatMulHost.Create<T, TTile>((CpuDevice)device, shape, MatMulOperands.Of(shape, views), new MatMulEpilogue(shape, views));
        }, typeB: type);

    private static void Check(
        string name, MatMulShape shape, bool bias = false, bool residual = false, bool preactivation = false,
        ElementType typeB = ElementType.Float32)
        => Check(TestDevices.Open(name), shape, (device, a, b, c, biasView, residualView, preactivationView) =>
            MatMul.Bind(device, shape, a, b, c, biasView, residualView, preactivationView), bias, residual, preactivation, typeB);

    private static void Check(
        Device device, MatMulShape shape, BindProduct bind, bool useBias = false, bool useResidual = false, bool usePreactivation = false,
        ElementType typeB = ElementType.Float32, bool roundA = false)
    {
        int rowsA = shape.Layout == MatMulLayout.TN ? shape.K : shape.M, rowsB = shape.Layout == MatMulLayout.NT ? shape.N : shape.K;
        float[] a = Numbers.Values(1, Length(rowsA, shape.ColumnsA, shape.RowStrideA, shape.BatchStrideA, shape.Batch));
        float[] b = StoredWeights.Values(typeB, 2, Length(rowsB, shape.ColumnsB, shape.RowStrideB, shape.BatchStrideB, shape.Batch));
        int lengthC = Length(shape.M, shape.N, shape.RowStrideC, shape.BatchStrideC, shape.Batch);
        float[] c = shape.Beta == 0 ? [.. Enumerable.Repeat(float.NaN, lengthC)] : Numbers.Values(3, lengthC);
        float[]? bias = useBias ? Numbers.Values(4, shape.N) : null, residual = useResidual ? Numbers.Values(5, lengthC) : null;
        MatMulReference.Result expected =
            MatMulReference.Compute(shape, roundA ? [.. a.Select(value => StoredWeights.Rounded(typeB, value))] : a, b, c, bias, residual);

        using var run = new KernelRun(device);
        BufferView<float> viewC = run.Put(c), preactivation = run.Put(c);
        run.Run(bind(
            run.Device, run.Put(a), run.PutStored(typeB, b), viewC,
            bias is null ? null : run.Put(bias), residual is null ? null : run.Put(residual), usePreactivation ? preactivation : null));
        Compare(shape, "C", c, viewC.ToArray(), expected.C, expected.Tolerance);
        if (usePreactivation)
        {
            Compare(shape, "preactivation", c, preactivation.ToArray(), expected.Preactivation, expected.Tolerance);
        }
    }

    private static void Compare(MatMulShape shape, string what, float[] before, float[] actual, double[] expected, double[] tolerance)
    {
        for (int at = 0; at < actual.Length; at++)
        {
            // A tolerance of zero marks the gaps between rows and matrices, which keep what they held.
            bool right = tolerance[at] == 0 ? actual[at].Equals(before[at]) : Math.Abs(actual[at] - expected[at]) <= tolerance[at];
            if (!right)
            {
                Assert.Fail(
                    $"{shape}: {what}[{at}] is {actual[at]}, expected {(tolerance[at] == 0 ? before[at] : expected[at])} "
                        + $"within {tolerance[at]}");
            }
        }
    }

    private static int Length(int rows, int columns, int stride, long batchStride, int batch)
        => rows == 0 || columns == 0 ? 0 : checked((int)(((batch - 1) * batchStride) + ((long)(rows - 1) * stride) + columns));

    private delegate Launch BindProduct(
        Device device, BufferView<float> a, WeightView b, BufferView<float> c, BufferView<float>? bias, BufferView<float>? residual,
        BufferView<float>? preactivation);
}
