using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>
/// The gated unit of Shazeer (arXiv 2002.05202) with GELU: y = gelu(gate) up, over <c>count</c> elements; the activation is
/// <see cref="ActivationKind.GeluErf"/> or <see cref="ActivationKind.GeluTanh"/>.
/// </summary>
public static class GeGlu
{
    /// <summary>y = gelu(gate) up; y may be gate or up.</summary>
    public static Launch Forward(
        Device device, ActivationKind kind, long count, BufferView<float> gate, BufferView<float> up, BufferView<float> y)
    {
        RequireGelu(kind);
        Operand.Require(gate, count);
        Operand.Require(up, count);
        Operand.Require(y, count);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return kind == ActivationKind.GeluErf
                ? new BinaryHost<GeGluErfMap>("GeGlu_Forward", cpu, count, default, gate, up, y)
                : new BinaryHost<GeGluTanhMap>("GeGlu_Forward", cpu, count, default, gate, up, y);
        }

        return GeGluKernels.ForwardKernel.Bind(device, LaunchShapes.Elements(device, count), gate, up, y, count, kind);
    }

    /// <summary>dGate = dy up gelu'(gate), dUp = dy gelu(gate); either may be dy, gate or up.</summary>
    public static Launch Backward(
        Device device, ActivationKind kind, long count, BufferView<float> gate, BufferView<float> up, BufferView<float> dy,
        BufferView<float> dGate, BufferView<float> dUp)
    {
        RequireGelu(kind);
        Operand.Require(gate, count);
        Operand.Require(up, count);
        Operand.Require(dy, count);
        Operand.Require(dGate, count);
        Operand.Require(dUp, count);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return kind == ActivationKind.GeluErf
                ? new GatedBackwardHost<GeGluErfGradient>("GeGlu_Backward", cpu, count, gate, up, dy, dGate, dUp)
                : new GatedBackwardHost<GeGluTanhGradient>("GeGlu_Backward", cpu, count, gate, up, dy, dGate, dUp);
        }

        return GeGluKernels.BackwardKernel.Bind(device, LaunchShapes.Elements(device, count), gate, up, dy, dGate, dUp, count, kind);
    }

    private static void RequireGelu(ActivationKind kind)
    {
        if (kind is not (ActivationKind.GeluErf or ActivationKind.GeluTanh))
        {
            throw new ArgumentOutOfRangeException(nameof(kind), kind, "GeluErf or GeluTanh was expected");
        }
    }
}
