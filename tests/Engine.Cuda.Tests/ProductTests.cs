using Engine.Devices;
using Engine.Devices.Cuda;
using Engine.Devices.Kernels;
using Engine.Kernels;

namespace Engine.Cuda.Tests;

/// <summary>
/// Products by cublasLt against double precision: the fake library computes what it was told on the fake card's memory, in its own order of
/// rows and columns.
/// </summary>
public sealed class ProductTests : FakeDriverTests
{
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
            MatMulShape many = apart with
            {
                Batch = 3,
                BatchStrideA = 40L * 400,
                BatchStrideB = 50L * 400 + 8,
                BatchStrideC = (m * (n + 7L)) + 11
            };
            foreach (MatMulShape shape in (MatMulShape[])[dense, dense with { Beta = 1f }, apart, apart with { Beta = 1f }, many,
                many with { Beta = 1f, BatchStrideB = 0 }])
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
            Compare(rounding, even with
            {
                Batch = 2,
                BatchStrideA = 40L * 400,
                BatchStrideB = 50L * 400,
                BatchStrideC = 64L * 64,
                Beta = 1f
            }, bias: false, preactivation: true);
        }
    }

    [FakeDriverFact]
    public void Columns_of_a_wider_matrix_are_told_with_the_alignment_that_they_have()
    {
        // The fake refuses a claim that is not what the address shows.
        using CudaDevice device = FakeDriver.OpenVendor();
        foreach (int column in (int[])[0, 1, 2, 4, 16, 64])
        {
            Compare(device, new MatMulShape(20, 24, 32, MatMulLayout.NT) { StrideA = 200, StrideB = 140, StrideC = 130 }, bias: true,
                first: column);
        }
    }

    [FakeDriverTheory]
    [InlineData(false, ElementType.Float32, "type=0 compute=68", "cublasLt_f32")]
    [InlineData(true, ElementType.Float32, "type=0 compute=77", "cublasLt_tf32")]
    [InlineData(true, ElementType.BFloat16, "type=14 compute=68", "cublasLt_bf16")]
    [InlineData(false, ElementType.Float16, "type=2 compute=68", "cublasLt_f16")]
    public void Operands_are_rounded_to_tf32_where_that_was_asked_for_and_they_are_float32(
        bool tf32, ElementType type, string told, string name)
    {
        using CudaDevice device = FakeDriver.OpenVendor(tf32);
        using var operands = new ProductCase(device, new MatMulShape(20, 24, 32, MatMulLayout.NT) { Products = type });
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
        using var operands = new ProductCase(device, shape, bias: true, residual: residual, preactivation: preactivation);
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
            ProductCase.AssertClose(
                operands.Reference(shape with { Activation = ActivationKind.None }, residual: false).Result, sums, "sums");
        }
    }

    [FakeDriverTheory]
    [InlineData(ElementType.BFloat16)]
    [InlineData(ElementType.Float16)]
    public void A_is_rounded_to_16_bits_in_scratch_memory_before_the_product(ElementType type)
    {
        using CudaDevice device = FakeDriver.OpenVendor();
        var shape = new MatMulShape(20, 24, 35, MatMulLayout.NN) { Products = type, StrideA = 50 };
        using var operands = new ProductCase(device, shape);

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
        Assert.Contains(
            "needs 400 elements of workspace", Assert.Throws<ArgumentException>(() => operands.Bind(withWorkspace: false)).Message);
    }

    /// <summary>A of 20 x 35 is rounded to 16 bits, multiplied with 35 x 24, and a kernel makes the error function's GELU.</summary>
    [FakeDriverFact]
    public void A_product_says_what_each_of_its_parts_moves_and_computes()
    {
        using CudaDevice device = FakeDriver.OpenVendor();
        var shape = new MatMulShape(20, 24, 35, MatMulLayout.NN)
        {
            Products = ElementType.BFloat16,
            StrideA = 50,
            Activation = ActivationKind.GeluErf,
        };
        using var operands = new ProductCase(device, shape, bias: true, residual: true);
        using Launch launch = operands.Bind();
        Assert.Equal(
            [
                ("MatMulVendor_Round", new WorkCost(20 * 35 * (4 + 2), 0)),
                ("cublasLt_bf16", new WorkCost((2 * ((20 * 35) + (35 * 24))) + (4 * ((20 * 24) + 24)), 2 * 20 * 24 * 35)),
                ("MatMulVendor_Finish", new WorkCost(3 * 4 * 20 * 24, 0)),
            ],
            launch.Parts.Select(part => (part.Name, part.Cost!.Value)));
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
            using var operands = new ProductCase(device, shape);
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
        using var operands =
            new ProductCase(device, new MatMulShape(20, 24, 32, MatMulLayout.NT) { Activation = ActivationKind.GeluTanh }, bias: true);
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

    private static string[] Products() =>
        [.. FakeDriver.Log.Where(line => line.StartsWith("launch-library cublasLt", StringComparison.Ordinal))];

    private static ulong Address(BufferView<float> view) => ((CudaBuffer)view.Buffer).Address + (ulong)view.ByteOffset;

    /// <summary>Runs a product that the library does alone, and holds all of C's memory against the reference, gaps included.</summary>
    private static void Compare(
        CudaDevice device, MatMulShape shape, bool bias, bool residual = false, bool preactivation = false, int first = 0)
    {
        using var operands = new ProductCase(device, shape, bias, residual, preactivation, first);
        (float[] expected, float[] kept) = operands.Reference(shape, residual);
        using Launch launch = operands.Bind();
        FakeDriver.Reset();
        launch.Enqueue();
        string what = $"{shape} bias {bias} residual {residual} preactivation {preactivation}";
        Assert.Single(Products());
        Assert.All(FakeDriver.Launches, run => Assert.StartsWith("MatMulVendor_Round", run.Kernel, StringComparison.Ordinal));
        ProductCase.AssertClose(expected, operands.C.ToArray(), what);
        if (preactivation)
        {
            ProductCase.AssertClose(kept, operands.Preactivation!.Value.ToArray(), what);
        }
    }
}
