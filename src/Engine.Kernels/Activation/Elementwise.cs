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

        return ElementwiseKernels.AddScaledKernel.Bind(device, LaunchShapes.Elements(device, count), x, y, factor, count)
            .AlsoMoves(sizeof(float) * count);
    }

    /// <summary>
    /// y += weight x, or with <paramref name="blends"/> y = (1 - weight) y + weight x; weight = factor * scalars[slot]. A weight of 1
    /// blends to x itself.
    /// </summary>
    /// <param name="finite">[1] NaN says that the step's gradients are not finite: nothing is then written.</param>
    public static Launch Mix(
        Device device, long count, float factor, int slot, bool blends, BufferView<float> scalars, BufferView<float> finite,
        BufferView<float> x, BufferView<float> y)
    {
        Operand.Require(scalars, StepScalars.Count);
        Operand.Require(finite, 1);
        Operand.Require(x, count);
        Operand.Require(y, count);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return new MixHost(cpu, count, factor, slot, blends, scalars, finite, x, y);
        }

        return ElementwiseKernels.MixKernel.Bind(
            device, LaunchShapes.Elements(device, count), scalars, finite, x, y, factor, slot, blends, count)
            .AlsoMoves(sizeof(float) * count);
    }

    /// <summary>
    /// y += scalars[slot] * factor[0] * x and x = 0: a gradient moves into a sum of gradients. A factor of NaN makes y NaN.
    /// </summary>
    /// <param name="factor">[1].</param>
    public static Launch Move(
        Device device, long count, int slot, BufferView<float> scalars, BufferView<float> factor, BufferView<float> x, BufferView<float> y)
    {
        Operand.Require(scalars, StepScalars.Count);
        Operand.Require(factor, 1);
        Operand.Require(x, count);
        Operand.Require(y, count);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return new MoveHost(cpu, count, slot, scalars, factor, x, y);
        }

        return ElementwiseKernels.MoveKernel.Bind(device, LaunchShapes.Elements(device, count), scalars, factor, x, y, slot, count)
            .AlsoMoves(2 * sizeof(float) * count);
    }

    /// <summary>y += a * b.</summary>
    public static Launch AddProduct(Device device, long count, BufferView<float> a, BufferView<float> b, BufferView<float> y)
    {
        Operand.Require(a, count);
        Operand.Require(b, count);
        Operand.Require(y, count);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return new AddProductHost(cpu, count, a, b, y);
        }

        return ElementwiseKernels.AddProductKernel.Bind(device, LaunchShapes.Elements(device, count), a, b, y, count)
            .AlsoMoves(sizeof(float) * count);
    }

    /// <summary>
    /// y[i, j] = x[i, j], or += with <paramref name="adds"/>, for i below rows and j below columns, rows of x and y lying strideX and
    /// strideY apart.
    /// </summary>
    public static Launch Window(
        Device device, int rows, int columns, bool adds, BufferView<float> x, int strideX, BufferView<float> y, int strideY)
    {
        Operand.Require(x, rows == 0 ? 0 : ((rows - 1L) * strideX) + columns);
        Operand.Require(y, rows == 0 ? 0 : ((rows - 1L) * strideY) + columns);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return new WindowHost(cpu, rows, columns, adds, x, strideX, y, strideY);
        }

        return ElementwiseKernels.WindowKernel.Bind(
            device, LaunchShapes.Elements(device, (long)rows * columns), x, y, columns, strideX, strideY, adds, (long)rows * columns)
            .Moves((adds ? 3 : 2) * sizeof(float) * (long)rows * columns);
    }

    /// <summary>
    /// y[i, j] = (scale[j] - offset) z[i, j] + bias[j]; z, y [rows, columns], scale [columns], bias [columns] or null. y may be z.
    /// </summary>
    public static Launch ScaleColumns(
        Device device, int rows, int columns, float offset, BufferView<float> z, BufferView<float> scale, BufferView<float>? bias,
        BufferView<float> y)
    {
        Operand.Require(z, (long)rows * columns);
        Operand.Require(scale, columns);
        Operand.Require(bias, columns);
        Operand.Require(y, (long)rows * columns);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return new ScaleColumnsHost(cpu, rows, columns, offset, z, scale, bias, y);
        }

        return ElementwiseKernels.ScaleColumnsKernel.Bind(
            device, LaunchShapes.Elements(device, (long)rows * columns), z, scale, bias ?? default, y, columns, offset, bias is not null,
            (long)rows * columns);
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
