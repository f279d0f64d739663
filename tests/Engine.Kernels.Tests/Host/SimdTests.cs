using Engine.Kernels.Host;

namespace Engine.Kernels.Tests.Host;

public sealed unsafe class SimdTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    public void Partial_loads_and_stores_touch_only_their_lanes(int count)
    {
        CheckPart<Simd512>(count);
        CheckPart<Simd512>(count + 12);
        CheckPart<Simd256>(count + 4);
        CheckPart<Simd128>(count);
    }

    private static void CheckPart<T>(int count)
        where T : struct, ISimd<T>
    {
        float[] source = [.. Enumerable.Range(1, 16).Select(i => (float)i)];
        var loaded = new float[16];
        var stored = new float[16];
        fixed (float* from = source, whole = loaded, part = stored)
        {
            T.LoadPart(from, count).Store(whole);
            T.Load(from).StorePart(part, count);
        }

        float[] expected = [.. source.Select((x, i) => i < count ? x : 0f)];
        Assert.Equal(expected, loaded);
        Assert.Equal(expected, stored);
    }
}
