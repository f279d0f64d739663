using Engine.Devices;
using Engine.Devices.Kernels;

namespace Engine.Kernels.Tests;

/// <summary>
/// Products by the vendor's library: the kernels before and after one, and on a card that has it the products themselves.
/// </summary>
public sealed class MatMulVendorTests
{
    public static TheoryData<string, ElementType> KernelDevicesAndStorages =>
        TestDevices.WholeWithKernels(ElementType.Float16, ElementType.BFloat16);

    public static TheoryData<string, ActivationKind> KernelDevicesAndActivations =>
        TestDevices.WholeWithKernels(Enum.GetValues<ActivationKind>());

    public static TheoryData<string, MatMulLayout> VendorAndLayouts =>
        new() { { "cuda-vendor", MatMulLayout.NN }, { "cuda-vendor", MatMulLayout.NT }, { "cuda-vendor", MatMulLayout.TN } };

    [Theory]
    [MemberData(nameof(KernelDevicesAndStorages))]
    public void A_is_rounded_row_by_row_and_the_gaps_stay(string name, ElementType type)
    {
        // Rows of 300 are longer than a group; they lie 304 apart once rounded.
        var shape = new MatMulShape(5, 40, 300, MatMulLayout.NT)
        {
            Products = type,
            StrideA = 307,
            Batch = 2,
            BatchStrideA = (5 * 307) + 3
        };
        using var run = new KernelRun(TestDevices.Open(name));
        float[] a = Numbers.Values(1, ((int)shape.BatchStrideA * 2) - 10);
        BufferView<float> workspace = run.Output(MatMulVendor.Workspace(shape));
        Assert.Equal(2 * 5 * 304 / 2, workspace.Length);
        ushort untouched = Bits(workspace)[303];
        run.Run(MatMulVendor.Rounding(run.Device, shape, run.Put(a), workspace));
        ushort[] bits = Bits(workspace);
        for (int row = 0; row < 10; row++)
        {
            long from = (row / 5 * shape.BatchStrideA) + (row % 5 * 307);
            for (int column = 0; column < 300; column++)
            {
                float value = type == ElementType.Float16
                    ? (float)BitConverter.UInt16BitsToHalf(bits[(row * 304) + column])
                    : BitConverter.UInt32BitsToSingle((uint)bits[(row * 304) + column] << 16);
                Assert.Equal(StoredWeights.Rounded(type, a[from + column]), value);
            }

            Assert.Equal(untouched, bits[(row * 304) + 303]);
        }

        static ushort[] Bits(BufferView<float> view)
        {
            var bits = new ushort[2 * view.Length];
            view.Buffer.Read<ushort>(bits, view.ByteOffset);
            return bits;
        }
    }

    [Theory]
    [MemberData(nameof(KernelDevicesAndActivations))]
    public void Activation_and_residual_follow_the_sums_and_the_gaps_stay(string name, ActivationKind activation)
    {
        const int Rows = 5, Columns = 300, Stride = 307, Apart = (Rows * Stride) + 3;
        var shape = new MatMulShape(Rows, Columns, 7, MatMulLayout.NT)
        {
            Activation = activation,
            StrideC = Stride,
            Batch = 2,
            BatchStrideC = Apart
        };
        foreach (bool adds in (bool[])[false, true])
        {
            foreach (bool inPlace in (bool[])[false, true])
            {
                using var run = new KernelRun(TestDevices.Open(name));
                float[] sums = Numbers.Values(1, 2 * Apart), residual = Numbers.Values(2, 2 * Apart),
                    before = inPlace ? sums : Numbers.Values(3, 2 * Apart);
                BufferView<float> c = run.Put(before);
                run.Run(MatMulVendor.Finishing(run.Device, shape, inPlace ? c : run.Put(sums), adds ? run.Put(residual) : null, c));
                float[] actual = c.ToArray();
                for (int i = 0; i < actual.Length; i++)
                {
                    bool isInside = i % Apart / Stride < Rows && i % Apart % Stride < Columns;
                    double expected = isInside ? MatMulReference.Activate(activation, sums[i]) + (adds ? residual[i] : 0) : before[i];
                    if (!(isInside ? Math.Abs(actual[i] - expected) <= 1e-6 : actual[i] == before[i]))
                    {
                        Assert.Fail($"element {i} is {actual[i]}, expected {expected}");
                    }
                }
            }
        }
    }

    /// <summary>Float32 without TF32, every epilogue.</summary>
    [VendorTheory]
    [MemberData(nameof(VendorAndLayouts))]
    public void Products_of_float32_agree_with_double_precision(string name, MatMulLayout layout)
    {
        foreach ((int m, int n, int k) in new[] { (17, 33, 7), (65, 96, 256), (130, 50, 513), (256, 768, 768) })
        {
            foreach (ActivationKind activation in Enum.GetValues<ActivationKind>())
            {
                var shape = new MatMulShape(m, n, k, layout) { Activation = activation };
                MatMulCheck.Float32(name, shape, false);
                MatMulCheck.Float32(
                    name,
                    shape with { Alpha = -0.75f, StrideA = shape.ColumnsA + 3, StrideB = shape.ColumnsB + 5, StrideC = n + 7, Beta = 1f },
                    true);
                MatMulCheck.Float32(
                    name, shape with { Batch = 3, BatchStrideA = (m * k) + 2, BatchStrideB = 0, BatchStrideC = (m * n) + 11 }, true);
            }
        }
    }

    [VendorTheory]
    [MemberData(nameof(VendorAndLayouts))]
    public void Products_in_16_bits_agree_with_double_precision_on_rounded_operands(string name, MatMulLayout layout)
    {
        foreach (ElementType type in layout == MatMulLayout.TN ? Array.Empty<ElementType>() : [ElementType.Float16, ElementType.BFloat16])
        {
            foreach ((int m, int n, int k) in new[] { (17, 33, 7), (64, 64, 32), (130, 72, 513), (256, 768, 768) })
            {
                var shape = new MatMulShape(m, n, k, layout);
                MatMulCheck.Rounded(TestDevices.Open(name), shape, false, type);
                MatMulCheck.Rounded(
                    TestDevices.Open(name),
                    shape with { Alpha = -0.75f, Beta = 1f, StrideA = shape.ColumnsA + 3, StrideB = shape.ColumnsB + 5, StrideC = n + 7 },
                    false, type);
                MatMulCheck.Rounded(TestDevices.Open(name), shape with { Activation = ActivationKind.GeluErf }, true, type);
            }
        }
    }
}
