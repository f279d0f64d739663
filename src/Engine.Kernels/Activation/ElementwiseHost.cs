using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Engine.Kernels.Host;

namespace Engine.Kernels;

internal readonly struct CopyMap : IUnaryMap
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public T Apply<T>(T x)
        where T : struct, ISimd<T> => x;
}

internal readonly struct ScaleMap(float factor) : IUnaryMap
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public T Apply<T>(T x)
        where T : struct, ISimd<T> => x * T.Broadcast(factor);
}

/// <summary>The factor is read when the launch runs.</summary>
internal readonly unsafe struct ScaleByMap(float* factor) : IUnaryMap
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public T Apply<T>(T x)
        where T : struct, ISimd<T> => x * T.Broadcast(*factor);
}

internal readonly struct AddMap : IBinaryMap
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public T Apply<T>(T a, T b)
        where T : struct, ISimd<T> => a + b;
}

/// <summary>factor x + y.</summary>
internal readonly struct AddScaledMap(float factor) : IBinaryMap
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public T Apply<T>(T x, T y)
        where T : struct, ISimd<T> => T.MultiplyAdd(x, T.Broadcast(factor), y);
}

/// <summary>y = value; reads nothing.</summary>
internal sealed unsafe class FillHost(CpuDevice device, long count, float value, BufferView<float> y) : RangeHost(device, count)
{
    private readonly float* y = CpuDevice.Pointer(y);

    public override string Name => "Elementwise_Fill";

    protected override void Range(long start, int length, int worker) => new Span<float>(y + start, length).Fill(value);
}

/// <summary>y = keep y + weight x, keep 1 or 1 - weight.</summary>
internal sealed unsafe class MixHost(
    CpuDevice device, long count, float factor, int slot, bool blends, BufferView<float> scalars, BufferView<float> finite,
    BufferView<float> x, BufferView<float> y)
    : RangeHost(device, count)
{
    private readonly float* scalars = CpuDevice.Pointer(scalars);
    private readonly float* finite = CpuDevice.Pointer(finite);
    private readonly float* x = CpuDevice.Pointer(x);
    private readonly float* y = CpuDevice.Pointer(y);

    public override string Name => "Elementwise_Mix";

    protected override void Range(long start, int length, int worker)
    {
        if (float.IsNaN(*finite))
        {
            return;
        }

        float weight = factor * scalars[slot], keep = blends ? 1 - weight : 1;
        float* from = x + start;
        float* to = y + start;
        int i = 0;
        for (; i <= length - Lanes.Count; i += Lanes.Count)
        {
            Mixed(Vector512.Load(from + i), Vector512.Load(to + i), weight, keep).Store(to + i);
        }

        if (i < length)
        {
            Lanes.StorePartial(
                Mixed(Lanes.LoadPartial(from + i, length - i), Lanes.LoadPartial(to + i, length - i), weight, keep), to + i, length - i);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Mixed(Vector512<float> x, Vector512<float> y, float weight, float keep) =>
        Vector512.FusedMultiplyAdd(x, Vector512.Create(weight), y * Vector512.Create(keep));
}

/// <summary>y += weight x; x = 0.</summary>
internal sealed unsafe class MoveHost(
    CpuDevice device, long count, int slot, BufferView<float> scalars, BufferView<float> factor, BufferView<float> x, BufferView<float> y)
    : RangeHost(device, count)
{
    private readonly float* scalars = CpuDevice.Pointer(scalars);
    private readonly float* factor = CpuDevice.Pointer(factor);
    private readonly float* x = CpuDevice.Pointer(x);
    private readonly float* y = CpuDevice.Pointer(y);

    public override string Name => "Elementwise_Move";

    protected override void Range(long start, int length, int worker)
    {
        Vector512<float> weight = Vector512.Create(scalars[slot] * *factor);
        float* from = x + start;
        float* to = y + start;
        for (int i = 0; i < length; i += Lanes.Count)
        {
            int rest = Math.Min(Lanes.Count, length - i);
            Vector512<float> sum = Vector512.FusedMultiplyAdd(Lanes.LoadPartial(from + i, rest), weight, Lanes.LoadPartial(to + i, rest));
            Lanes.StorePartial(sum, to + i, rest);
        }

        new Span<float>(from, length).Clear();
    }
}

/// <summary>y += a b.</summary>
internal sealed unsafe class AddProductHost(CpuDevice device, long count, BufferView<float> a, BufferView<float> b, BufferView<float> y)
    : RangeHost(device, count)
{
    private readonly float* a = CpuDevice.Pointer(a);
    private readonly float* b = CpuDevice.Pointer(b);
    private readonly float* y = CpuDevice.Pointer(y);

    public override string Name => "Elementwise_AddProduct";

    protected override void Range(long start, int length, int worker)
    {
        for (long i = start; i < start + length; i++)
        {
            y[i] = MathF.FusedMultiplyAdd(a[i], b[i], y[i]);
        }
    }
}

/// <summary>A window of a matrix copied or added to a window of another, row by row.</summary>
internal sealed unsafe class WindowHost(
    CpuDevice device, int rows, int columns, bool adds, BufferView<float> x, int strideX, BufferView<float> y, int strideY)
    : RowHost(device, rows, columns)
{
    private readonly float* x = CpuDevice.Pointer(x);
    private readonly float* y = CpuDevice.Pointer(y);

    public override string Name => "Elementwise_Window";

    protected override void Row(int row, int worker)
    {
        var from = new ReadOnlySpan<float>(x + ((long)row * strideX), Columns);
        var to = new Span<float>(y + ((long)row * strideY), Columns);
        if (adds)
        {
            TensorPrimitives.Add(to, from, to);
        }
        else
        {
            from.CopyTo(to);
        }
    }
}

/// <summary>y = (scale - offset) z + bias, row by row.</summary>
internal sealed unsafe class ScaleColumnsHost(
    CpuDevice device, int rows, int columns, float offset, BufferView<float> z, BufferView<float> scale, BufferView<float>? bias,
    BufferView<float> y)
    : RowHost(device, rows, columns)
{
    private readonly float* z = CpuDevice.Pointer(z);
    private readonly float* scale = CpuDevice.Pointer(scale);
    private readonly float* bias = bias is { } present ? CpuDevice.Pointer(present) : null;
    private readonly float* y = CpuDevice.Pointer(y);

    public override string Name => "Elementwise_ScaleColumns";

    protected override void Row(int row, int worker)
    {
        float* from = z + ((long)row * Columns);
        float* to = y + ((long)row * Columns);
        int j = 0;
        for (; j <= Columns - Lanes.Count; j += Lanes.Count)
        {
            Vector512<float> addend = bias is null ? Vector512<float>.Zero : Vector512.Load(bias + j);
            Vector512.FusedMultiplyAdd(Vector512.Load(scale + j) - Vector512.Create(offset), Vector512.Load(from + j), addend)
                .Store(to + j);
        }

        for (; j < Columns; j++)
        {
            to[j] = MathF.FusedMultiplyAdd(scale[j] - offset, from[j], bias is null ? 0f : bias[j]);
        }
    }
}
