using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>Elementwise arithmetic.</summary>
public static class Elementwise
{
    /// <summary>y = a + b; y may be a or b.</summary>
    public static Launch Add(Device device, long count, BufferView<float> a, BufferView<float> b, BufferView<float> y)
    {
        Operand.Require(a, count);
        Operand.Require(b, count);
        Operand.Require(y, count);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return new BinaryHost<AddMap>("Elementwise_Add", cpu, count, default, a, b, y);
        }

        return ElementwiseKernels.AddKernel.Bind(device, LaunchShapes.Elements(device, count), a, b, y, count);
    }

    /// <summary>y += factor * x.</summary>
    public static Launch AddScaled(Device device, long count, float factor, BufferView<float> x, BufferView<float> y)
    {
        Operand.Require(x, count);
        Operand.Require(y, count);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return new BinaryHost<AddScaledMap>("Elementwise_AddScaled", cpu, count, new AddScaledMap(factor), x, y, y);
        }

        return ElementwiseKernels.AddScaledKernel.Bind(device, LaunchShapes.Elements(device, count), x, y, factor, count);
    }

    /// <summary>y = factor * x; y may be x.</summary>
    public static Launch Scale(Device device, long count, float factor, BufferView<float> x, BufferView<float> y)
    {
        Operand.Require(x, count);
        Operand.Require(y, count);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return new UnaryHost<ScaleMap>("Elementwise_Scale", cpu, count, new ScaleMap(factor), x, y);
        }

        return ElementwiseKernels.ScaleKernel.Bind(device, LaunchShapes.Elements(device, count), x, y, factor, count);
    }

    /// <summary>y = factor[0] * x, the factor read on the device; y may be x.</summary>
    public static unsafe Launch ScaleBy(Device device, long count, BufferView<float> factor, BufferView<float> x, BufferView<float> y)
    {
        Operand.Require(factor, 1);
        Operand.Require(x, count);
        Operand.Require(y, count);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return new UnaryHost<ScaleByMap>("Elementwise_ScaleBy", cpu, count, new ScaleByMap(CpuDevice.Pointer(factor)), x, y);
        }

        return ElementwiseKernels.ScaleByKernel.Bind(device, LaunchShapes.Elements(device, count), factor, x, y, count);
    }

    /// <summary>y = x (device copy).</summary>
    public static Launch Copy(Device device, long count, BufferView<float> x, BufferView<float> y)
    {
        Operand.Require(x, count);
        Operand.Require(y, count);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return new UnaryHost<CopyMap>("Elementwise_Copy", cpu, count, default, x, y);
        }

        return ElementwiseKernels.CopyKernel.Bind(device, LaunchShapes.Elements(device, count), x, y, count);
    }

    /// <summary>y = value.</summary>
    public static Launch Fill(Device device, long count, float value, BufferView<float> y)
    {
        Operand.Require(y, count);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return new FillHost(cpu, count, value, y);
        }

        return ElementwiseKernels.FillKernel.Bind(device, LaunchShapes.Elements(device, count), y, value, count);
    }
}
