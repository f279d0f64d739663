using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Engine.Kernels.Host;

namespace Engine.Kernels;

internal readonly struct CopyMap : IUnaryMap
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Apply(Vector512<float> x) => x;
}

internal readonly struct ScaleMap(float factor) : IUnaryMap
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Apply(Vector512<float> x) => x * Vector512.Create(factor);
}

/// <summary>The factor is read when the launch runs.</summary>
internal readonly unsafe struct ScaleByMap(float* factor) : IUnaryMap
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Apply(Vector512<float> x) => x * Vector512.Create(*factor);
}

internal readonly struct AddMap : IBinaryMap
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Apply(Vector512<float> a, Vector512<float> b) => a + b;
}

/// <summary>factor x + y.</summary>
internal readonly struct AddScaledMap(float factor) : IBinaryMap
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Apply(Vector512<float> x, Vector512<float> y) => Vector512.FusedMultiplyAdd(x, Vector512.Create(factor), y);
}

/// <summary>y = value; reads nothing.</summary>
internal sealed unsafe class FillHost(CpuDevice device, long count, float value, BufferView<float> y) : RangeHost(device, count)
{
    private readonly float* y = CpuDevice.Pointer(y);

    public override string Name => "Elementwise_Fill";

    protected override void Range(long start, int length, int worker) => new Span<float>(y + start, length).Fill(value);
}
