using System.Runtime.Intrinsics;

namespace Engine.Kernels.Host;

/// <summary>A function of one element, a register at a time; its fields are its constants.</summary>
internal interface IUnaryMap
{
    T Apply<T>(T x)
        where T : struct, ISimd<T>;
}

/// <summary>A function of two elements, a register of pairs at a time.</summary>
internal interface IBinaryMap
{
    T Apply<T>(T a, T b)
        where T : struct, ISimd<T>;
}

/// <summary>y = map(x); y may be x.</summary>
internal sealed unsafe class UnaryHost<TMap>(string name, CpuDevice device, long count, TMap map, BufferView<float> x, BufferView<float> y)
    : RangeHost(device, count)
    where TMap : struct, IUnaryMap
{
    private readonly float* x = CpuDevice.Pointer(x);
    private readonly float* y = CpuDevice.Pointer(y);

    public override string Name => name;

    protected override void Range(long start, int length, int worker)
    {
        if (Vector512.IsHardwareAccelerated)
        {
            Map<Simd512>(map, x + start, y + start, length);
        }
        else if (Vector256.IsHardwareAccelerated)
        {
            Map<Simd256>(map, x + start, y + start, length);
        }
        else
        {
            Map<Simd128>(map, x + start, y + start, length);
        }
    }

    private static void Map<T>(TMap map, float* from, float* to, int length)
        where T : struct, ISimd<T>
    {
        int i = 0;
        for (; i <= length - T.Count; i += T.Count)
        {
            map.Apply(T.Load(from + i)).Store(to + i);
        }

        if (i < length)
        {
            map.Apply(T.LoadPart(from + i, length - i)).StorePart(to + i, length - i);
        }
    }
}

/// <summary>y = map(a, b); y may be a or b.</summary>
internal sealed unsafe class BinaryHost<TMap>(
    string name, CpuDevice device, long count, TMap map, BufferView<float> a, BufferView<float> b, BufferView<float> y)
    : RangeHost(device, count)
    where TMap : struct, IBinaryMap
{
    private readonly float* a = CpuDevice.Pointer(a);
    private readonly float* b = CpuDevice.Pointer(b);
    private readonly float* y = CpuDevice.Pointer(y);

    public override string Name => name;

    protected override void Range(long start, int length, int worker)
    {
        if (Vector512.IsHardwareAccelerated)
        {
            Map<Simd512>(map, a + start, b + start, y + start, length);
        }
        else if (Vector256.IsHardwareAccelerated)
        {
            Map<Simd256>(map, a + start, b + start, y + start, length);
        }
        else
        {
            Map<Simd128>(map, a + start, b + start, y + start, length);
        }
    }

    private static void Map<T>(TMap map, float* left, float* right, float* to, int length)
        where T : struct, ISimd<T>
    {
        int i = 0;
        for (; i <= length - T.Count; i += T.Count)
        {
            map.Apply(T.Load(left + i), T.Load(right + i)).Store(to + i);
        }

        if (i < length)
        {
            int rest = length - i;
            map.Apply(T.LoadPart(left + i, rest), T.LoadPart(right + i, rest)).StorePart(to + i, rest);
        }
    }
}
