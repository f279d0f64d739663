using System.Runtime.Intrinsics;

namespace Engine.Kernels.Host;

/// <summary>A function of one element, sixteen at a time; its fields are its constants.</summary>
internal interface IUnaryMap
{
    Vector512<float> Apply(Vector512<float> x);
}

/// <summary>A function of two elements, sixteen pairs at a time.</summary>
internal interface IBinaryMap
{
    Vector512<float> Apply(Vector512<float> a, Vector512<float> b);
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
        TMap apply = map;
        float* from = x + start;
        float* to = y + start;
        int i = 0;
        for (; i <= length - Lanes.Count; i += Lanes.Count)
        {
            apply.Apply(Vector512.Load(from + i)).Store(to + i);
        }

        if (i < length)
        {
            Lanes.StorePartial(apply.Apply(Lanes.LoadPartial(from + i, length - i)), to + i, length - i);
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
        TMap apply = map;
        float* left = a + start;
        float* right = b + start;
        float* to = y + start;
        int i = 0;
        for (; i <= length - Lanes.Count; i += Lanes.Count)
        {
            apply.Apply(Vector512.Load(left + i), Vector512.Load(right + i)).Store(to + i);
        }

        if (i < length)
        {
            int rest = length - i;
            Lanes.StorePartial(apply.Apply(Lanes.LoadPartial(left + i, rest), Lanes.LoadPartial(right + i, rest)), to + i, rest);
        }
    }
}
