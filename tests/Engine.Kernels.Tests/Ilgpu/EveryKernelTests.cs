using System.Globalization;
using System.Runtime.InteropServices;
using Engine.Devices;
using Engine.Devices.Kernels;
using Engine.Tests;

namespace Engine.Kernels.Tests;

/// <summary>
/// Kernels without tiles give the same bits on every device (docs/kernels.md, "What differs between devices"): the C# that is printed for
/// cards, run by ILGPU's CPU accelerator, against that of the managed executor, launch by launch. Kernels with tiles are held against
/// double precision (<see cref="SimulatedCardTests"/>).
/// </summary>
[Collection(SimulatedCardTests.Collection)]
public sealed class EveryKernelTests
{
    /// <summary>
    /// Families whose groups meet seldom: every barrier makes hundreds of threads take turns, for up to a quarter of a minute in others.
    /// </summary>
    private static readonly string[] Quick = ["gradient descent", "noise", "optimizer"];

    public static TheoryData<string> Families { get; } = [.. WantedDevices.Long ? KernelCases.All.Keys : Quick];

    [Fact]
    public void Every_kernel_without_tiles_has_a_case()
    {
        using var run = new KernelRun(TestDevices.Open("cpu-managed"));
        Assert.Equal(
            KernelRegistry.All.Where(kernel => !kernel.UsesTiles).Select(kernel => kernel.Name).Order(StringComparer.Ordinal),
            KernelCases.All.Values.SelectMany(bind => bind(run)).Select(launch => launch.Name).Distinct().Order(StringComparer.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Kernels_give_the_bits_of_the_managed_executor(string family)
    {
        var card = new SimulatedCard();
        using var simulated = new KernelRun(card);
        using var managed = new KernelRun(TestDevices.Open("cpu-managed"));
        Launch[] expected = KernelCases.All[family](managed), actual = KernelCases.All[family](simulated);
        for (int i = 0; i < expected.Length; i++)
        {
            using Launch right = expected[i], tested = actual[i];
            byte[][] before = Contents(managed);
            right.Enqueue();
            tested.Enqueue();
            Assert.True(
                before.Zip(Contents(managed)).Any(pair => !pair.First.AsSpan().SequenceEqual(pair.Second)),
                $"{right.Name} has changed nothing; give its case something to do.");
            string? difference = Difference(card.Ran[^1], managed, simulated);
            Assert.True(difference is null, difference);
        }

        // Looks at the guard bands.
        managed.Run();
        simulated.Run();
    }

    private static byte[][] Contents(KernelRun run) => [.. run.Buffers.Select(buffer => buffer.View<byte>().ToArray())];

    /// <summary>The first element of a call's views that differs, in words; null where none does.</summary>
    private static string? Difference(KernelCall call, KernelRun managed, KernelRun simulated)
    {
        Dictionary<DeviceBuffer, DeviceBuffer> counterparts =
            simulated.Buffers.Zip(managed.Buffers).ToDictionary(pair => pair.First, pair => pair.Second);
        foreach ((KernelParameter parameter,
            KernelArgument argument) in call.Definition.Parameters.Where(parameter => parameter.Kind != KernelParameterKind.Specialized)
                .Zip(call.Arguments))
        {
            if (argument.Buffer is { } buffer)
            {
                ElementType type = KernelBinding.TypeOf(call, parameter);
                int size = type.SizeInBytes();
                byte[] actual = buffer.View<byte>(argument.ByteOffset, argument.Length * size).ToArray();
                byte[] expected = counterparts[buffer].View<byte>(argument.ByteOffset, argument.Length * size).ToArray();
                for (int at = 0; at < actual.Length; at += size)
                {
                    ReadOnlySpan<byte> one = actual.AsSpan(at, size), other = expected.AsSpan(at, size);

                    // A NaN's payload is nobody's promise.
                    if (!one.SequenceEqual(other) && !(double.IsNaN(Number(type, one)) && double.IsNaN(Number(type, other))))
                    {
                        return $"{call.Definition.Name}{call.Variant}: {parameter.Name}[{at / size}] of {argument.Length} "
                            + $"is {Words(type, one)} by ILGPU's CPU accelerator and "
                            + $"{Words(type, other)} by the managed executor.";
                    }
                }
            }
        }

        return null;
    }

    private static double Number(ElementType type, ReadOnlySpan<byte> element) => type switch
    {
        ElementType.Float32 => MemoryMarshal.Read<float>(element),
        ElementType.Float16 => (double)MemoryMarshal.Read<Half>(element),
        ElementType.BFloat16 => (float)MemoryMarshal.Read<BFloat16>(element),
        ElementType.Int32 => MemoryMarshal.Read<int>(element),
        ElementType.UInt32 => MemoryMarshal.Read<uint>(element),
        ElementType.UInt64 => MemoryMarshal.Read<ulong>(element),
        _ => throw new NotSupportedException($"Elements of {type} are not compared yet; add them here."),
    };

    /// <summary>An element's value and its bits as an integer.</summary>
    private static string Words(ElementType type, ReadOnlySpan<byte> element)
    {
        byte[] bits = element.ToArray();
        Array.Reverse(bits);
        return string.Create(CultureInfo.InvariantCulture, $"{Number(type, element):G9} (0x{Convert.ToHexString(bits)})");
    }
}
