using Engine.Devices;
using Engine.Devices.Kernels;

namespace Engine.Kernels.Tests;

/// <summary>Each compiled form of the product by itself, for shapes too that would not choose it.</summary>
public sealed class MatMulFormTests
{
    public static TheoryData<string, ElementType> KernelDevicesAndStorages =>
        TestDevices.WithKernels(ElementType.Float16, ElementType.BFloat16);

    /// <summary>The layouts that store A's rows one after another.</summary>
    public static TheoryData<string, MatMulLayout> KernelDevicesAndLayoutsOfRows =>
        TestDevices.WithKernels(MatMulLayout.NN, MatMulLayout.NT);

    public static TheoryData<string, MatMulLayout> KernelDevicesAndLayouts =>
        TestDevices.WithKernels(MatMulLayout.NN, MatMulLayout.NT, MatMulLayout.TN);

    /// <summary>Thin shapes too, which would not choose this form.</summary>
    [Theory]
    [MemberData(nameof(KernelDevicesAndLayouts))]
    public void The_form_for_groups_agrees_with_double_precision(string name, MatMulLayout layout)
    {
        foreach ((int m, int n, int k) in new[] { (1, 1, 1), (3, 5, 7), (64, 64, 16), (65, 63, 33), (130, 70, 50), (40, 50, 0) })
        {
            CheckVariants(name, new MatMulShape(m, n, k, layout), MatMulGroups.Bind);
        }
    }

    /// <summary>Thin rows, columns and both, around the widths and around the steps that are read at a time.</summary>
    [Theory]
    [MemberData(nameof(KernelDevicesAndLayouts))]
    public void The_form_for_thin_groups_agrees_with_double_precision(string name, MatMulLayout layout)
    {
        (int M, int N, int K)[] sizes =
        [
            (1, 1, 1), (1, 70, 257), (2, 40, 127), (5, 33, 128), (8, 17, 255), (16, 40, 333), (40, 1, 256), (70, 3, 129), (33, 8, 513),
            (40, 16, 70), (16, 16, 300), (7, 9, 40), (40, 5, 0),
        ];
        foreach ((int m, int n, int k) in sizes.Where((_, i) => MatMulCheck.IsThorough(name) || i % 2 == 0))
        {
            CheckVariants(name, new MatMulShape(m, n, k, layout), MatMulThinGroups.Bind);
        }
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
    [MemberData(nameof(KernelDevicesAndStorages))]
    public void The_form_for_matrix_units_agrees_with_double_precision_on_rounded_operands(string name, ElementType type)
    {
        foreach (MatMulLayout layout in new[] { MatMulLayout.NT, MatMulLayout.NN })
        {
            (int M, int N, int K)[] sizes = [(1, 1, 1), (65, 63, 33), (40, 50, 0), (66, 72, 104), (3, 5, 7), (64, 64, 32), (130, 70, 50)];
            foreach ((int m, int n, int k) in MatMulCheck.IsThorough(name) ? sizes : sizes[..4])
            {
                var shape = new MatMulShape(m, n, k, layout);
                MatMulCheck.MatrixUnits(TestDevices.Open(name), shape, false, type);
                MatMulCheck.MatrixUnits(
                    TestDevices.Open(name),
                    shape with { Alpha = -0.75f, Beta = 1f, StrideA = shape.ColumnsA + 3, StrideB = shape.ColumnsB + 5, StrideC = n + 7 },
                    false, type);
                MatMulCheck.MatrixUnits(TestDevices.Open(name), shape with { StrideB = shape.ColumnsB + Tile.Alignment }, false, type);
                MatMulCheck.MatrixUnits(
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

    /// <summary>A shape with gaps, scales and stored weights, and in a batch with an epilogue.</summary>
    private static void CheckVariants(string name, MatMulShape shape, Func<Device, MatMulShape, MatMulViews, Launch> form)
    {
        bool isStored = shape.Layout != MatMulLayout.TN;
        (MatMulShape Shape, ElementType Type)[] plain =
        [
            (shape, ElementType.Float32),
            (shape with { Alpha = -0.75f, Beta = 1f, StrideA = shape.ColumnsA + 3, StrideB = shape.ColumnsB + 5, StrideC = shape.N + 7 },
                ElementType.Float32),
            (shape with { Alpha = -0.75f }, isStored ? ElementType.Float16 : ElementType.Float32),
            (shape with { StrideB = shape.ColumnsB + 5 }, isStored ? ElementType.BFloat16 : ElementType.Float32),
        ];
        foreach ((MatMulShape variant, ElementType type) in plain)
        {
            Check(variant, false, type);
        }

        Check(
            shape with
            {
                Batch = 2,
                BatchStrideA = shape.M * shape.K,
                BatchStrideB = shape.K * shape.N,
                BatchStrideC = (shape.M * shape.N) + 3,
                Activation = ActivationKind.GeluErf,
            },
            true, ElementType.Float32);

        void Check(MatMulShape variant, bool epilogue, ElementType type) => MatMulCheck.Bound(
            TestDevices.Open(name), variant,
            (device, a, b, c, bias, residual, preactivation) =>
                form(device, variant, new MatMulViews(a, b, c, bias, residual, preactivation)),
            epilogue, epilogue, epilogue, type);
    }
}
