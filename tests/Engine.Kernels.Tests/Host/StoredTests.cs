using Engine.Devices.Kernels;
using Engine.Kernels.Host;

namespace Engine.Kernels.Tests.Host;

public unsafe class StoredTests
{
    [Fact]
    public void Every_half_and_bfloat16_widens_to_its_value_in_every_register_width()
    {
        ushort[] bits = [.. Enumerable.Range(0, 1 << 16).Select(value => (ushort)value)];
        Check<Simd512>(bits);
        Check<Simd256>(bits);
        Check<Simd128>(bits);
    }

    [Fact]
    public void Part_of_a_register_reads_nothing_behind_it()
    {
        Half* values = stackalloc Half[3] { (Half)1, (Half)2, (Half)3 };
        Simd512 part = Stored.LoadPart<Simd512, Half>(values, 2);
        float* lanes = stackalloc float[16];
        part.Store(lanes);
        Assert.Equal([1f, 2f, 0f, 0f], new Span<float>(lanes, 4).ToArray());
    }

    private static void Check<T>(ushort[] bits)
        where T : struct, ISimd<T>
    {
        float* lanes = stackalloc float[Lanes.Count];
        fixed (ushort* from = bits)
        {
            for (int i = 0; i < bits.Length; i += T.Count)
            {
                Stored.Load<T, Half>((Half*)(from + i)).Store(lanes);
                for (int lane = 0; lane < T.Count; lane++)
                {
                    float expected = (float)BitConverter.UInt16BitsToHalf(bits[i + lane]);
                    Assert.True(
                        float.IsNaN(expected)
                            ? float.IsNaN(lanes[lane])
                            : BitConverter.SingleToInt32Bits(expected) == BitConverter.SingleToInt32Bits(lanes[lane]));
                }

                Stored.Load<T, BFloat16>((BFloat16*)(from + i)).Store(lanes);
                for (int lane = 0; lane < T.Count; lane++)
                {
                    Assert.Equal((uint)bits[i + lane] << 16, BitConverter.SingleToUInt32Bits(lanes[lane]));
                }
            }
        }
    }
}
