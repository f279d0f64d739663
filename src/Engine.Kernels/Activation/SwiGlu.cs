using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>
/// The gated unit of Shazeer (arXiv 2002.05202): y = silu(gate) up with silu(x) = x / (1 + e^-x), over <c>count</c> elements.
/// </summary>
public static class SwiGlu
{
    /// <summary>y = silu(gate) up; y may be gate or up.</summary>
    public static Launch Forward(Device device, long count, BufferView<float> gate, BufferView<float> up, BufferView<float> y)
    {
        Operand.Require(gate, count);
        Operand.Require(up, count);
        Operand.Require(y, count);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return new BinaryHost<SwiGluMap>("SwiGlu_Forward", cpu, count, default, gate, up, y);
        }

        return SwiGluKernels.ForwardKernel.Bind(device, LaunchShapes.Elements(device, count), gate, up, y, count);
    }

    /// <summary>dGate = dy up silu'(gate), dUp = dy silu(gate); either may be dy, gate or up.</summary>
    public static Launch Backward(
        Device device, long count, BufferView<float> gate, BufferView<float> up, BufferView<float> dy, BufferView<float> dGate,
        BufferView<float> dUp)
    {
        Operand.Require(gate, count);
        Operand.Require(up, count);
        Operand.Require(dy, count);
        Operand.Require(dGate, count);
        Operand.Require(dUp, count);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return new GatedBackwardHost<SwiGluGradient>("SwiGlu_Backward", cpu, count, gate, up, dy, dGate, dUp);
        }

        return SwiGluKernels.BackwardKernel.Bind(device, LaunchShapes.Elements(device, count), gate, up, dy, dGate, dUp, count);
    }
}
