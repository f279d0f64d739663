using Engine.Devices;
using Engine.Devices.Cuda;
using Engine.Devices.Kernels;
using Engine.Kernels;

namespace Engine.Cuda.Tests;

/// <summary>Products by cublasLt against double precision: the fake library computes what it was told on the fake card's memory, in its own order of rows and columns.</summary>
public sealed class ProductTests : FakeDriverTests
{
    /// <summary>The fake adds in double precision; only its results are float32.</summary>
    private const double Tolerance = 1e-6;

    public static TheoryData<MatMulLayout, ElementType> LayoutsAndTypes
    {
        get
        {
            var rows = new TheoryData<MatMulLayout, ElementType>();
            foreach (MatMulLayout layout in Enum.GetValues<MatMulLayout>())
            {
                foreach (ElementType type in (ElementType[])[ElementType.Float32, ElementType.BFloat16, ElementType.Float16])
                {
                    if (layout != MatMulLayout.TN || type == ElementType.Float32)
                    {
                        rows.Add(layout, type);
                    }
                }
            }

            return rows;
        }
    }

    [FakeDriverTheory]
    [MemberData(nameof(LayoutsAndTypes))]
    public void Every_layout_type_epilogue_stride_and_batch_gives_the_product(MatMulLayout layout, ElementType type)
    {
        // With TF32, which the fake does not round to, the library does the GELU of float32 products too.
        using CudaDevice device = FakeDriver.OpenVendor(), rounding = FakeDriver.OpenVendor(tf32: true);
        foreach ((int m, int n, int k) in new[] { (17, 40, 24), (40, 33, 300) })
        {
            var dense = new MatMulShape(m, n, k, layout) { Products = type };
            MatMulShape apart = dense with { StrideA = dense.ColumnsA + 3, StrideB = dense.ColumnsB + 5, StrideC = n + 7, Alpha = -0.75f };
            MatMulShape many = apart with { Batch = 3, BatchStrideA = 40L * 400, BatchStrideB = 50L * 400 + 8, BatchStrideC = (m * (n + 7L)) + 11 };
            foreach (MatMulShape shape in (MatMulShape[])[dense, dense with { Beta = 1f }, apart, apart with { Beta = 1f }, many, many with { Beta = 1f, BatchStrideB = 0 }])
            {
                foreach (bool bias in (bool[])[false, true])
                {
                    Compare(device, shape, bias);
                    Compare(rounding, shape with { Activation = ActivationKind.GeluTanh }, bias);
                    if (shape.Beta == 0f)
                    {
                        Compare(device, shape, bias, residual: true);
                    }
                }
            }

            // Where rows are multiples of 8 apart, the library keeps GELU's input.
            MatMulShape even = dense with { StrideC = ((n + 7) / 8 * 8) + 16, Activation = ActivationKind.GeluTanh };
            Compare(rounding, even, bias: true, preactivation: true);
            Compare(rounding, even with { Batch = 2, BatchStrideA = 40L * 400, BatchStrideB = 50L * 400, BatchStrideC = 64L * 64, Beta = 1f }, bias: false, preactivation: true);
        }
    }

    [FakeDriverFact]
    public void Columns_of_a_wider_matrix_are_told_with_the_alignment_that_they_have()
    {
        // The fake refuses a claim that is not what the address shows.
        using CudaDevice device = FakeDriver.OpenVendor();
        foreach (int column in (int[])[0, 1, 2, 4, 16, 64])
        {
            Compare(device, new MatMulShape(20, 24, 32, MatMulLayout.NT) { StrideA = 200, StrideB = 140, StrideC = 130 }, bias: true, first: column);
        }
    }

    [FakeDriverTheory]
    [InlineData(false, ElementType.Float32, "type=0 compute=68", "cublasLt_f32")]
    [InlineData(true, ElementType.Float32, "type=0 compute=77", "cublasLt_tf32")]
    [InlineData(true, ElementType.BFloat16, "type=14 compute=68", "cublasLt_bf16")]
    [InlineData(false, ElementType.Float16, "type=2 compute=68", "cublasLt_f16")]
    public void Operands_are_rounded_to_tf32_where_that_was_asked_for_and_they_are_float32(bool tf32, ElementType type, string told, string name)
    {
        using CudaDevice device = FakeDriver.OpenVendor(tf32);
        using var operands = new Operands(device, new MatMulShape(20, 24, 32, MatMulLayout.NT) { Products = type });
        using Launch launch = operands.Bind();
        Assert.Equal((name, name), (launch.Name, launch.Library));
        launch.Enqueue();
        Assert.Contains(told, Assert.Single(Products()));
    }

    /// <summary>What the library's epilogue cannot carry: a kernel of ours goes over C once, after the product has done the rest.</summary>
    [FakeDriverTheory]
    [InlineData(ActivationKind.GeluErf, false, false, 0f, "epilogue=4", false)]
    [InlineData(ActivationKind.Tanh, true, true, 1f, "epilogue=4 out-of-place", true)]
    [InlineData(ActivationKind.GeluTanh, false, false, 0f, "epilogue=4", false)]
    [InlineData(ActivationKind.GeluTanh, true, false, 0f, "epilogue=36", false, true)]
    [InlineData(ActivationKind.GeluTanh, false, true, 0f, "epilogue=4", true, true)]
    [InlineData(ActivationKind.None, true, false, 1f, "epilogue=4", false)]
    [InlineData(ActivationKind.None, true, true, 0f, "epilogue=4", true)]
    public void What_the_library_leaves_is_done_by_a_kernel_after_it(
        ActivationKind activation, bool residual, bool preactivation, float beta, string epilogue, bool kept, bool tf32 = false)
    {
        using CudaDevice device = FakeDriver.OpenVendor(tf32);
        var shape = new MatMulShape(20, 25, 32, MatMulLayout.NT) { Activation = activation, Beta = beta };
        using var operands = new Operands(device, shape, bias: true, residual: residual, preactivation: preactivation);
        using Launch launch = operands.Bind();
        launch.Enqueue();
        Assert.EndsWith(epilogue, Assert.Single(Products()));
        FakeLaunch finish = Assert.Single(FakeDriver.Launches);
        Assert.Equal(("MatMulVendor_Finish", "20,1,1", 256), (finish.Kernel, finish.Grid, finish.GroupSize));

        // Sums, residual and C; then columns and rows.
        ulong c = Address(operands.C);
        Assert.Equal(kept ? Address(operands.Preactivation!.Value) : c, finish.Arguments[0].Value);
        Assert.Equal(residual ? Address(operands.Residual!.Value) : 0, finish.Arguments[2].Value);
        Assert.Equal((c, 25UL, 25UL), (finish.Arguments[4].Value, finish.Arguments[6].Value, finish.Arguments[7].Value));

        // The product itself: sums with bias, and with C where it is added to, before any activation of ours.
        if (!epilogue.Contains("36", StringComparison.Ordinal))
        {
            float[] sums = (kept ? operands.Preactivation!.Value : operands.C).ToArray();
            AssertClose(operands.Reference(shape with { Activation = ActivationKind.None }, residual: false).Result, sums, "sums");
        }
    }

    [FakeDriverTheory]
    [InlineData(ElementType.BFloat16)]
    [InlineData(ElementType.Float16)]
    public void A_is_rounded_to_16_bits_in_scratch_memory_before_the_product(ElementType type)
    {
        using CudaDevice device = FakeDriver.OpenVendor();
        var shape = new MatMulShape(20, 24, 35, MatMulLayout.NN) { Products = type, StrideA = 50 };
        using var operands = new Operands(device, shape);

        // Rows of 35 start 40 apart, and two of their elements lie in one of float32.
        Assert.Equal(20 * 40 / 2, MatMul.Workspace(device, shape, type));
        using Launch launch = operands.Bind();
        launch.Enqueue();
        string[] log = [.. FakeDriver.Log.Where(line => line.StartsWith("launch", StringComparison.Ordinal))];
        Assert.StartsWith("launch MatMulVendor_Round", log[0], StringComparison.Ordinal);
        Assert.StartsWith("launch-library cublasLt", log[1], StringComparison.Ordinal);
        FakeLaunch round = Assert.Single(FakeDriver.Launches);
        Assert.Equal(Address(operands.A), round.Arguments[0].Value);
        Assert.Equal(Address(operands.Workspace), round.Arguments[2].Value);

        // Columns, then rows and matrices apart, of A and of the scratch memory.
        Assert.Equal([35UL, 50, 0, 40, 800], round.Arguments[4..].Select(argument => argument.Value));
        Assert.Contains("lead=24,40,24,24", log[1]);
        Assert.Contains("needs 400 elements of workspace", Assert.Throws<ArgumentException>(() => operands.Bind(withWorkspace: false)).Message);
    }

    [FakeDriverFact]
    public void Products_that_the_library_does_not_serve_stay_ours()
    {
        using CudaDevice device = FakeDriver.OpenVendor();
        foreach ((MatMulShape shape, string kernel) in new[]
        {
            (new MatMulShape(16, 40, 40, MatMulLayout.NT), "MatMulThinGroups"),
            (new MatMulShape(40, 8, 40, MatMulLayout.NT), "MatMulThinGroups"),
            (new MatMulShape(16, 40, 40, MatMulLayout.NT) { Products = ElementType.BFloat16 }, "MatMulMatrixUnits"),
            (new MatMulShape(40, 40, 0, MatMulLayout.NT), "MatMulGroups"),
        })
        {
            using var operands = new Operands(device, shape);
            Assert.Equal(0, MatMul.Workspace(device, shape, shape.Products));
            using Launch launch = operands.Bind();
            Assert.StartsWith(kernel, launch.Name, StringComparison.Ordinal);
            Assert.Null(launch.Library);
        }

        // A weight in 16 bits whose products are in float32.
        var mixed = new MatMulShape(40, 40, 40, MatMulLayout.NT);
        using DeviceBuffer a = device.Allocate(6400, "a"), b = device.Allocate(3200, "b"), c = device.Allocate(6400, "c");
        using Launch own = MatMul.Bind(device, mixed, a.View<float>(), b.View<BFloat16>(), c.View<float>());
        Assert.StartsWith("MatMulGroups", own.Name, StringComparison.Ordinal);
    }

    [FakeDriverFact]
    public void A_product_without_an_algorithm_is_ours_and_one_without_gelu_is_finished_by_us()
    {
        using CudaDevice device = FakeDriver.OpenVendor(tf32: true);
        using var operands = new Operands(device, new MatMulShape(20, 24, 32, MatMulLayout.NT) { Activation = ActivationKind.GeluTanh }, bias: true);
        FakeDriver.SetProducts("gelu", 0);
        using (Launch finished = operands.Bind())
        {
            finished.Enqueue();
            Assert.EndsWith("epilogue=4", Assert.Single(Products()));
            Assert.StartsWith("MatMulVendor_Finish", Assert.Single(FakeDriver.Launches).Kernel, StringComparison.Ordinal);
        }

        FakeDriver.SetProducts("algorithms", 0);
        using Launch own = operands.Bind();
        Assert.StartsWith("MatMulGroups", own.Name, StringComparison.Ordinal);
        Assert.Equal(0, FakeDriver.Count("products"));
    }

    [FakeDriverFact]
    public void A_recording_holds_every_node_of_a_product_and_leaves_them_out_together()
    {
        using CudaDevice device = FakeDriver.OpenVendor();

        // With rounding before, a sum in parts and an activation after it: four nodes.
        using var operands = new Operands(
            device, new MatMulShape(20, 24, 300, MatMulLayout.NT) { Products = ElementType.BFloat16, Activation = ActivationKind.Tanh }, bias: true);
        using Launch product = operands.Bind(), other = device.Bind(TestKernels.Call(operands.C, operands.C, 1f));
        FakeDriver.Reset();
        using Recording recording = device.Record([other, product, other]);
        Assert.Contains("instantiate 6", FakeDriver.Log);
        Assert.DoesNotContain(FakeDriver.Log, line => line.StartsWith("launch", StringComparison.Ordinal));
        string[] whole = ["Tests_ScaledAdd", "MatMulVendor_Round", "memset", "cublasLt", "MatMulVendor_Finish", "Tests_ScaledAdd"];
        Assert.Equal(whole, Replayed());
        recording.Select(1, false);
        Assert.Equal(["Tests_ScaledAdd", "Tests_ScaledAdd"], Replayed());
        recording.Select(0, false);
        recording.Select(1, true);
        Assert.Equal(whole[1..], Replayed());

        string[] Replayed()
        {
            FakeDriver.Reset();
            recording.Replay();
            return [.. FakeDriver.Log.Where(line => line.StartsWith("node", StringComparison.Ordinal)).Select(line => line.Split(' ')[1].Replace("MatMulVendor_Round_BFloat16", "MatMulVendor_Round", StringComparison.Ordinal))];
        }
    }

    [FakeDriverFact]
    public void A_recorded_product_computes_what_one_by_itself_does()
    {
        using CudaDevice device = FakeDriver.OpenVendor();
        var shape = new MatMulShape(20, 24, 300, MatMulLayout.TN) { Beta = 1f };
        using var operands = new Operands(device, shape, bias: true);
        float[] expected = operands.Reference(shape, residual: false).Result;
        using Launch product = operands.Bind();
        using Recording recording = device.Record([product]);
        recording.Replay();
        AssertClose(expected, operands.C.ToArray(), "recorded");
    }

    [FakeDriverFact]
    public void Enqueuing_and_replaying_products_allocate_nothing_managed()
    {
        using CudaDevice device = FakeDriver.OpenVendor();
        using var operands = new Operands(device, new MatMulShape(20, 24, 32, MatMulLayout.NT) { Activation = ActivationKind.Tanh });
        using Launch product = operands.Bind();
        using Recording recording = device.Record([product]);
        Run(10);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Run(100);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        void Run(int times)
        {
            for (int i = 0; i < times; i++)
            {
                product.Enqueue();
                recording.Select(0, i % 2 == 0);
                recording.Replay();
            }
        }
    }

    [FakeDriverFact]
    public void A_capture_that_fails_is_ended_and_leaves_no_graph()
    {
        using CudaDevice device = FakeDriver.OpenVendor();
        using var operands = new Operands(device, new MatMulShape(20, 24, 300, MatMulLayout.NT), bias: true);
        using Launch product = operands.Bind();
        FakeDriver.SetProducts("broken", 1);
        var error = Assert.Throws<DeviceException>(() => device.Record([product, product]));
        Assert.Contains("cublasLtMatmul failed with CUBLAS_STATUS_EXECUTION_FAILED (13, words of the fake library). The product is cublasLt_f32, 20 x 24.", error.Message);
        Assert.Equal(0, FakeDriver.Count("graphs"));
        FakeDriver.SetProducts("broken", 0);
        FakeDriver.Set("captures", 0);
        Assert.Contains("CUDA_ERROR_STREAM_CAPTURE_INVALIDATED", Assert.Throws<DeviceException>(() => device.Record([product])).Message);
    }

    [FakeDriverFact]
    public void A_product_whose_memory_is_gone_is_refused_with_its_owner()
    {
        using CudaDevice device = FakeDriver.OpenVendor();
        DeviceBuffer a = device.Allocate(6400, "dropped");
        using DeviceBuffer b = device.Allocate(6400, "b"), c = device.Allocate(6400, "c");
        using Launch product = MatMul.Bind(device, new MatMulShape(40, 40, 40, MatMulLayout.NT), a.View<float>(), b.View<float>(), c.View<float>());
        using Recording recording = device.Record([product]);
        a.Dispose();
        foreach (Action run in (Action[])[product.Enqueue, recording.Replay])
        {
            string message = Assert.Throws<ObjectDisposedException>(run).Message;
            Assert.Contains("cublasLt_f32", message);
            Assert.Contains("dropped", message);
        }
    }

    [FakeDriverFact]
    public void Memory_of_another_device_or_that_is_gone_is_refused_when_a_product_is_bound()
    {
        using CudaDevice device = FakeDriver.OpenVendor(), other = FakeDriver.OpenVendor();
        using DeviceBuffer a = device.Allocate(6400, "a"), b = other.Allocate(6400, "b");
        Assert.Contains("cublasLt_f32 is bound to a buffer of cuda:0", Assert.Throws<ArgumentException>(() => Bind(a, b)).Message);
        DeviceBuffer gone = device.Allocate(6400, "gone");
        gone.Dispose();
        Assert.Contains("gone", Assert.Throws<ObjectDisposedException>(() => Bind(a, gone)).Message);

        void Bind(DeviceBuffer left, DeviceBuffer right) =>
            MatMul.Bind(device, new MatMulShape(40, 40, 40, MatMulLayout.NT), left.View<float>(), right.View<float>(), left.View<float>());
    }

    [FakeDriverFact]
    public void The_handle_and_its_memory_live_as_long_as_the_device_and_products_may_outlive_it()
    {
        CudaDevice device = FakeDriver.OpenVendor(), other = FakeDriver.OpenVendor();
        Assert.Equal(2, FakeDriver.Count("handles"));
        Assert.Equal(32 << 20, device.Memory.ByOwner()["cublasLt"]);
        var operands = new Operands(device, new MatMulShape(20, 24, 32, MatMulLayout.NT));
        Launch product = operands.Bind();
        Assert.Equal((1, 4), (FakeDriver.Count("products"), FakeDriver.Count("layouts")));
        device.Dispose();
        device.Dispose();
        Assert.Equal(1, FakeDriver.Count("handles"));
        Assert.Throws<ObjectDisposedException>(product.Enqueue);
        product.Dispose();
        Assert.Equal((0, 0, 0), (FakeDriver.Count("products"), FakeDriver.Count("layouts"), FakeDriver.Count("preferences")));
        operands.Dispose();
        Assert.Equal(0, device.Memory.Current);
        other.Dispose();
    }

    [FakeDriverFact]
    public void A_card_that_is_lost_takes_the_library_along_without_another_error()
    {
        CudaDevice device = FakeDriver.OpenVendor();
        var operands = new Operands(device, new MatMulShape(20, 24, 32, MatMulLayout.NT));
        Launch product = operands.Bind();
        FakeDriver.Lose(700);
        Assert.Throws<DeviceLostException>(device.Synchronize);
        Assert.Throws<DeviceLostException>(product.Enqueue);
        product.Dispose();
        operands.Dispose();
        device.Dispose();
        Assert.Equal(0, device.Memory.Current);
        FakeDriver.Forget();
    }

    private static string[] Products() => [.. FakeDriver.Log.Where(line => line.StartsWith("launch-library cublasLt", StringComparison.Ordinal))];

    private static ulong Address(BufferView<float> view) => ((CudaBuffer)view.Buffer).Address + (ulong)view.ByteOffset;

    /// <summary>Runs a product that the library does alone, and holds all of C's memory against the reference, gaps included.</summary>
    private static void Compare(CudaDevice device, MatMulShape shape, bool bias, bool residual = false, bool preactivation = false, int first = 0)
    {
        using var operands = new Operands(device, shape, bias, residual, preactivation, first);
        (float[] expected, float[] kept) = operands.Reference(shape, residual);
        using Launch launch = operands.Bind();
        FakeDriver.Reset();
        launch.Enqueue();
        string what = $"{shape} bias {bias} residual {residual} preactivation {preactivation}";
        Assert.Single(Products());
        Assert.All(FakeDriver.Launches, run => Assert.StartsWith("MatMulVendor_Round", run.Kernel, StringComparison.Ordinal));
        AssertClose(expected, operands.C.ToArray(), what);
        if (preactivation)
        {
            AssertClose(kept, operands.Preactivation!.Value.ToArray(), what);
        }
    }

    private static void AssertClose(float[] expected, float[] actual, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.True(Math.Abs(expected[i] - actual[i]) <= Tolerance * (1 + Math.Abs(expected[i])), $"{what}: element {i} is {actual[i]} and should be {expected[i]}");
        }
    }

    /// <summary>A product's operands on the fake card. Its kernels do not run, so that A lies in the scratch memory rounded already.</summary>
    private sealed class Operands : IDisposable
    {
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
        public Operands(CudaDevice device, MatMulShape shape, bool bias = false, bool residual = false, bool preactivation = false, int first = 0)
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

        public Launch Bind(bool withWorkspace = true) => MatMul.Bind(device, shape, A, weight, C, biasView, Residual, Preactivation, withWorkspace ? Workspace : default);

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
}
