using System.Runtime.CompilerServices;
using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>A bound that numbers near smoothly: y = cap tanh(x / cap), as Gemma 2 caps logits (arXiv 2408.00118, section 2).</summary>
public static class SoftCap
{
    /// <summary>y = cap tanh(x / cap); y may be x.</summary>
    public static Launch Forward(Device device, long count, float cap, BufferView<float> x, BufferView<float> y)
    {
        Operand.Require(x, count);
        Operand.Require(y, count);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return new UnaryHost<SoftCapMap>("SoftCap_Forward", cpu, count, new SoftCapMap(cap), x, y);
        }

        return SoftCapKernels.ForwardKernel.Bind(device, LaunchShapes.Elements(device, count), x, y, cap, count);
    }

    /// <summary>dx = dy (1 - (y / cap)^2), y the capped numbers; dx may be dy or y.</summary>
    public static Launch Backward(
        Device device, long count, float cap, BufferView<float> y, BufferView<float> dy, BufferView<float> dx)
    {
        Operand.Require(y, count);
        Operand.Require(dy, count);
        Operand.Require(dx, count);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return new BinaryHost<SoftCapGradientMap>("SoftCap_Backward", cpu, count, new SoftCapGradientMap(cap), y, dy, dx);
        }

        return SoftCapKernels.BackwardKernel.Bind(device, LaunchShapes.Elements(device, count), y, dy, dx, cap, count);
    }
}

/// <summary>The soft cap, one item an element.</summary>
internal static partial class SoftCapKernels
{
    /// <summary>y = cap tanh(x / cap).</summary>
    [Kernel]
    public static void Forward(ArrayView<float> x, ArrayView<float> y, float cap, long count)
    {
        long i = ((long)Grid.IdxX * Group.DimX) + Group.IdxX;
        if (i < count)
        {
            y[i] = cap * KernelMath.Tanh(x[i] / cap);
        }
    }

    /// <summary>dx = dy (1 - (y / cap)^2).</summary>
    [Kernel]
    public static void Backward(ArrayView<float> y, ArrayView<float> dy, ArrayView<float> dx, float cap, long count)
    {
        long i = ((long)Grid.IdxX * Group.DimX) + Group.IdxX;
        if (i < count)
        {
            float tanh = y[i] / cap;
            dx[i] = dy[i] * KernelMath.FusedMultiplyAdd(-tanh, tanh, 1f);
        }
    }
}

/// <summary>cap tanh(x / cap).</summary>
internal readonly struct SoftCapMap(float cap) : IUnaryMap
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public T Apply<T>(T x)
        where T : struct, ISimd<T> => T.Broadcast(cap) * LaneMath.Tanh(x / T.Broadcast(cap));
}

/// <summary>dy (1 - (y / cap)^2).</summary>
internal readonly struct SoftCapGradientMap(float cap) : IBinaryMap
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public T Apply<T>(T y, T dy)
        where T : struct, ISimd<T>
    {
        T tanh = y / T.Broadcast(cap);
        return dy * (T.Broadcast(1f) - (tanh * tanh));
    }
}
