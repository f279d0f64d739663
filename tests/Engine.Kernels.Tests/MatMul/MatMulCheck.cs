using Engine.Devices;
using Engine.Devices.Kernels;
using Engine.Tests;

namespace Engine.Kernels.Tests;

/// <summary>Holds matrix products against double precision.</summary>
internal static class MatMulCheck
{
    /// <summary>Whether a device has every size: kernels on the managed executor take a fifth of a second for each.</summary>
    public static bool IsThorough(string device) => device != "cpu-managed" || WantedDevices.Long;

    /// <summary>Holds the form for matrix units against double precision; disposes the device.</summary>
    public static void MatrixUnits(Device card, MatMulShape shape, bool epilogue, ElementType type) =>
        Bound(card, shape, (device, a, b, c, bias, residual, preactivation) =>
            MatMulMatrixUnits.Bind(device, shape, new MatMulViews(a, b, c, bias, residual, preactivation)), epilogue, epilogue, epilogue,
                type, roundA: true);

    /// <summary>Holds a product of float32 matrices, by whatever computes it on the device, against double precision.</summary>
    public static void Float32(string name, MatMulShape shape, bool epilogue) => Product(name, shape, epilogue, epilogue, epilogue);

    /// <summary>Holds a product in 16 bits, by whatever computes it on the device, against double precision; disposes the device.</summary>
    public static void Rounded(Device card, MatMulShape shape, bool epilogue, ElementType type) => Bound(
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

    /// <summary>Holds a product, by whatever computes it on the device, against double precision.</summary>
    public static void Product(
        string name, MatMulShape shape, bool bias = false, bool residual = false, bool preactivation = false,
        ElementType typeB = ElementType.Float32)
        => Bound(TestDevices.Open(name), shape, (device, a, b, c, biasView, residualView, preactivationView) =>
            MatMul.Bind(device, shape, a, b, c, biasView, residualView, preactivationView), bias, residual, preactivation, typeB);

    /// <summary>Holds a form of the product against double precision; disposes the device.</summary>
    public static void Bound(
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

    public delegate Launch BindProduct(
        Device device, BufferView<float> a, WeightView b, BufferView<float> c, BufferView<float>? bias, BufferView<float>? residual,
        BufferView<float>? preactivation);
}
