using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>Elementwise activations over <c>count</c> elements.</summary>
public static class Activations
{
    /// <summary>y = activation(x); y may be x.</summary>
    public static Launch Forward(Device device, ActivationKind kind, long count, BufferView<float> x, BufferView<float> y)
    {
        Operand.Require(x, count);
        Operand.Require(y, count);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return kind switch
            {
                ActivationKind.None => new UnaryHost<CopyMap>("Activations_Copy", cpu, count, default, x, y),
                ActivationKind.GeluErf => new UnaryHost<GeluErfMap>("Activations_GeluErf", cpu, count, default, x, y),
                ActivationKind.GeluTanh => new UnaryHost<GeluTanhMap>("Activations_GeluTanh", cpu, count, default, x, y),
                ActivationKind.Tanh => new UnaryHost<TanhMap>("Activations_Tanh", cpu, count, default, x, y),
                ActivationKind.Relu => new UnaryHost<ReluMap>("Activations_Relu", cpu, count, default, x, y),
                _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "unknown activation"),
            };
        }

        return ActivationsKernels.ForwardKernel.Bind(device, LaunchShapes.Elements(device, count), x, y, count, kind);
    }

    /// <summary>dx = dy * activation'(x), x the activation's input. dx may be dy or x.</summary>
    public static Launch Backward(
        Device device, ActivationKind kind, long count, BufferView<float> x, BufferView<float> dy, BufferView<float> dx)
    {
        Operand.Require(x, count);
        Operand.Require(dy, count);
        Operand.Require(dx, count);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return kind switch
            {
                ActivationKind.None => new UnaryHost<CopyMap>("Activations_Copy", cpu, count, default, dy, dx),
                ActivationKind.GeluErf => new BinaryHost<GeluErfGradientMap>("Activations_GeluErfGradient", cpu, count, default, x, dy, dx),
                ActivationKind.GeluTanh =>
                    new BinaryHost<GeluTanhGradientMap>("Activations_GeluTanhGradient", cpu, count, default, x, dy, dx),
                ActivationKind.Tanh => new BinaryHost<TanhGradientMap>("Activations_TanhGradient", cpu, count, default, x, dy, dx),
                ActivationKind.Relu => new BinaryHost<ReluGradientMap>("Activations_ReluGradient", cpu, count, default, x, dy, dx),
                _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "unknown activation"),
            };
        }

        return ActivationsKernels.BackwardKernel.Bind(device, LaunchShapes.Elements(device, count), x, dy, dx, count, kind);
    }
}
