using Engine.Compiler.Tests.Kernels;
using Engine.Devices;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;

namespace Engine.Compiler.Tests;

/// <summary>Elementary functions of kernels give the same bits everywhere.</summary>
public sealed class FunctionTests(DeviceFixture devices) : IClassFixture<DeviceFixture>
{
    private const int GroupSize = 64;

    public static TheoryData<string> Devices => DeviceFixture.All;

    [Theory]
    [MemberData(nameof(Devices))]
    public void Functions_give_the_bits_of_plain_CSharp(string device)
    {
        float[] x = [.. BitPatterns(9973 * 16), .. Range(-20, 20, 20_000)];
        using var buffers = new Buffers(devices[device]);
        BufferView<float> y = buffers.New<float>(x.Length * FunctionKernels.Names.Length);
        buffers.Run(
            FunctionKernels.EvaluateKernel.Bind(devices[device], LaunchShape.Cover(x.Length, GroupSize), buffers.Of(x), y, x.Length));
        Same(x, y.ToArray());
    }

    /// <summary>ILGPU's simulator as a second opinion; it is slow, so a few numbers of each size.</summary>
    [Fact]
    public void Functions_give_the_bits_of_plain_CSharp_on_the_CPU_accelerator_of_ILGPU()
    {
        float[] x = [.. BitPatterns(9973 * 2048), .. Range(-9, 9, 100)];
        using Context context = Context.Create(builder => builder.Optimize(OptimizationLevel.O2).CPU(new CPUDevice(4, 16, 1)));
        using CPUAccelerator accelerator = context.CreateCPUAccelerator(0);
        using MemoryBuffer1D<float, Stride1D.Dense> from = accelerator.Allocate1D(x);
        using MemoryBuffer1D<float, Stride1D.Dense> to = accelerator.Allocate1D<float>(x.Length * FunctionKernels.Names.Length);
        var evaluate = accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, int>(FunctionKernels.Evaluate);
        evaluate(new KernelConfig((x.Length + GroupSize - 1) / GroupSize, GroupSize), from.View, to.View, x.Length);
        accelerator.Synchronize();
        Same(x, to.GetAsArray1D());
    }

    private static void Same(float[] x, float[] actual)
    {
        for (int i = 0; i < x.Length; i++)
        {
            float[] expected = FunctionKernels.Of(x[i]);
            for (int function = 0; function < expected.Length; function++)
            {
                // A NaN's payload is nobody's promise.
                float value = actual[i + (function * x.Length)];
                bool same = BitConverter.SingleToInt32Bits(value) == BitConverter.SingleToInt32Bits(expected[function])
                    || (float.IsNaN(value) && float.IsNaN(expected[function]));
                if (!same)
                {
                    Assert.Fail($"{FunctionKernels.Names[function]}({x[i]:R}) is {value:R}, in C# {expected[function]:R}");
                }
            }
        }
    }

    /// <summary>Floats of every sign and size, subnormal and special ones among them.</summary>
    private static IEnumerable<float> BitPatterns(int step)
    {
        for (long bits = 0; bits <= uint.MaxValue; bits += step)
        {
            yield return BitConverter.UInt32BitsToSingle((uint)bits);
        }

        foreach (float special in new[] { -0f, float.Epsilon, float.MinValue, float.MaxValue, float.NaN, float.PositiveInfinity,
            float.NegativeInfinity })
        {
            yield return special;
        }
    }

    private static IEnumerable<float> Range(double low, double high, int points) =>
        Enumerable.Range(0, points).Select(i => (float)(low + ((high - low) * i / points)));
}
