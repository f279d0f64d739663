using Engine.Compiler.Tests.Kernels;
using Engine.Devices;

namespace Engine.Compiler.Tests;

/// <summary>Operators, conversions and mathematics agree with plain C# on every device.</summary>
public sealed class ArithmeticTests(DeviceFixture devices) : IClassFixture<DeviceFixture>
{
    private static readonly int[] Left = [7, -7, 0, int.MaxValue, int.MinValue + 1, 123456789, -1, 32];
    private static readonly int[] Right = [2, 3, 5, -2, 33, 31, 64, 1];
    private static readonly float[] Reals = [0f, 1.5f, -2.5f, 3e9f, -3e9f, 1e20f, -1e20f, float.NaN, 300.7f, -129.2f, 65504f, 0.1f];

    public static TheoryData<string> Devices => DeviceFixture.All;

    [Theory]
    [MemberData(nameof(Devices))]
    public void Integer_operators_agree_with_CSharp(string device)
    {
        using var buffers = new Buffers(devices[device]);
        BufferView<long> results = buffers.New<long>(Left.Length * ArithmeticKernels.IntegerSlots);
        buffers.Run(
            ArithmeticKernels.IntegersKernel.Bind(
                devices[device], new LaunchShape(1, Left.Length), buffers.Of(Left), buffers.Of(Right), results));
        long[] actual = results.ToArray();
        for (int i = 0; i < Left.Length; i++)
        {
            var expected = new long[ArithmeticKernels.IntegerSlots];
            ArithmeticKernels.IntegersOf(Left[i], Right[i], expected);
            Assert.Equal(expected, actual[(i * expected.Length)..((i + 1) * expected.Length)]);
        }
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Conversions_saturate_wrap_and_round_as_in_CSharp(string device)
    {
        using var buffers = new Buffers(devices[device]);
        BufferView<long> results = buffers.New<long>(Reals.Length * ArithmeticKernels.ConversionSlots);
        buffers.Run(
            ArithmeticKernels.ConversionsKernel.Bind(devices[device], new LaunchShape(1, Reals.Length), buffers.Of(Reals), results));
        long[] actual = results.ToArray();
        for (int i = 0; i < Reals.Length; i++)
        {
            var expected = new long[ArithmeticKernels.ConversionSlots];
            ArithmeticKernels.ConversionsOf(Reals[i], expected);
            for (int slot = 0; slot < expected.Length; slot++)
            {
                // A NaN's payload is nobody's promise.
                bool payload = float.IsNaN(Reals[i]) && slot >= 15 && slot != 16;
                if (!payload && expected[slot] != actual[(i * expected.Length) + slot])
                {
                    Assert.Fail($"{Reals[i]}, slot {slot}: {actual[(i * expected.Length) + slot]}, expected {expected[slot]}");
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Float_functions_agree_with_CSharp(string device)
    {
        float[] a = [0.3f, -1.75f, 2.5f, -0.001f, 10.25f, 3.5f];
        float[] b = [1.5f, 0.25f, -3f, 2f, -0.5f, 0.7f];
        using var buffers = new Buffers(devices[device]);
        BufferView<float> results = buffers.New<float>(a.Length * ArithmeticKernels.FloatSlots);
        buffers.Run(
            ArithmeticKernels.FloatsKernel.Bind(devices[device], new LaunchShape(1, a.Length), buffers.Of(a), buffers.Of(b), results));
        float[] actual = results.ToArray();
        for (int i = 0; i < a.Length; i++)
        {
            var expected = new float[ArithmeticKernels.FloatSlots];
            ArithmeticKernels.FloatsOf(a[i], b[i], expected);
            for (int slot = 0; slot < expected.Length; slot++)
            {
                // KernelMath's elementary functions are good to 2 units in the last place, the base library's to one; OpenCL C grants
                // division 2.5.
                float tolerance = 4 * MathF.Max(1e-3f, MathF.Abs(expected[slot])) * 1.2e-7f;
                Assert.True(
                    MathF.Abs(expected[slot] - actual[(i * expected.Length) + slot]) <= tolerance,
                    $"({a[i]}, {b[i]}), slot {slot}: {actual[(i * expected.Length) + slot]}, expected {expected[slot]}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Storage_types_round_and_saturate_alike(string device)
    {
        float[] values = [.. Enumerable.Range(0, 64).Select(i => (i - 31.5f) * 2.37f)];
        CheckStorage(device, values);
        CheckStorage(device, Array.ConvertAll(values, v => (Half)v));
        CheckStorage(device, Array.ConvertAll(values, v => (BFloat16)v));
        CheckStorage(device, Array.ConvertAll(values, v => (sbyte)v));
        CheckStorage(device, Array.ConvertAll(values, v => (byte)Math.Abs(v)));
    }

    private void CheckStorage<T>(string device, T[] values)
        where T : unmanaged
    {
        using var buffers = new Buffers(devices[device]);
        BufferView<T> x = buffers.Of(values);
        BufferView<T> single = buffers.New<T>(values.Length);
        BufferView<T> shared = buffers.New<T>(values.Length);
        buffers.Run(ArithmeticKernels.StoreKernel.Bind(devices[device], new LaunchShape(1, values.Length), x, single));
        buffers.Run(ArithmeticKernels.StoreSharedKernel.Bind(devices[device], new LaunchShape(1, values.Length), x, shared));
        Assert.Equal(Array.ConvertAll(values, Expected), single.ToArray());
        Assert.Equal(Array.ConvertAll(values, Expected), shared.ToArray());
    }

    private static T Expected<T>(T value)
        where T : unmanaged
    {
        object stored = value switch
        {
            float f => (2f * f) + 0.3f,
            Half h => (Half)((2f * (float)h) + 0.3f),
            BFloat16 b => (BFloat16)((2f * (float)b) + 0.3f),
            sbyte s => (sbyte)Math.Clamp(MathF.Round((2f * s) + 0.3f), -128, 127),
            byte u => (byte)Math.Clamp(MathF.Round((2f * u) + 0.3f), 0, 255),
            _ => throw new InvalidOperationException(typeof(T).Name),
        };
        return (T)stored;
    }
}
