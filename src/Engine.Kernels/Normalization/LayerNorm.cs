namespace Engine.Kernels;

/// <summary>
/// Layer normalization over the last dimension: y = (x - mean) / sqrt(variance + epsilon) * weight + bias; x, y [rows, columns]. The bias
/// may be left out (null).
/// </summary>
public static class LayerNorm
{
    /// <param name="mean">Receives each row's mean [rows].</param>
    /// <param name="inverseDeviation">Receives each row's 1 / sqrt(variance + epsilon) [rows].</param>
    public static Launch Forward(
        Device device, int rows, int columns, float epsilon,
        BufferView<float> x, BufferView<float> weight, BufferView<float>? bias, BufferView<float> y, BufferView<float> mean,
        BufferView<float> inverseDeviation)
    {
        Operand.Require(x, (long)rows * columns);
        Operand.Require(weight, columns);
        Operand.Require(bias, columns);
        Operand.Require(y, (long)rows * columns);
        Operand.Require(mean, rows);
        Operand.Require(inverseDeviation, rows);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return new LayerNormForwardHost(cpu, rows, columns, epsilon, x, weight, bias, y, mean, inverseDeviation);
        }

        int groupSize = LaunchShapes.RowGroup(device, columns);
        return LayerNormKernels.ForwardKernel.Bind(
            device, new LaunchShape(rows, groupSize), x, weight, bias ?? default, y, mean, inverseDeviation, columns, epsilon,
            bias is not null, groupSize);
    }

    /// <summary>
    /// dx = gradient by x (written). With <paramref name="addend"/>, dx = gradient + addend: a residual branch's gradient folded in. dx may
    /// be dy or addend.
    /// </summary>
    public static Launch Backward(
        Device device, int rows, int columns,
        BufferView<float> x, BufferView<float> weight, BufferView<float> mean, BufferView<float> inverseDeviation, BufferView<float> dy,
        BufferView<float>? addend, BufferView<float> dx)
    {
        Operand.Require(x, (long)rows * columns);
        Operand.Require(weight, columns);
        Operand.Require(mean, rows);
        Operand.Require(inverseDeviation, rows);
        Operand.Require(dy, (long)rows * columns);
        Operand.Require(addend, (long)rows * columns);
        Operand.Require(dx, (long)rows * columns);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return new LayerNormBackwardHost(cpu, rows, columns, x, weight, mean, inverseDeviation, dy, addend, dx);
        }

        int groupSize = LaunchShapes.RowGroup(device, columns);
        return LayerNormKernels.BackwardKernel.Bind(
            device, new LaunchShape(rows, groupSize), x, weight, mean, inverseDeviation, dy, addend ?? default, dx, columns,
            addend is not null, groupSize);
    }

    /// <summary>Elements of workspace of <see cref="ParameterGradient"/>.</summary>
    public static long ParameterGradientWorkspace(Device device, int rows, int columns)
    {
        if (device is CpuDevice { Features.HostVectors: true })
        {
            return 0;
        }

        return 2L * LaunchShapes.Chunks(rows) * columns;
    }

    /// <summary>
    /// Adds the gradients by weight and bias to dWeight and dBias [columns], null where there is no bias; rows are summed in a fixed order.
    /// </summary>
    public static Launch[] ParameterGradient(
        Device device, int rows, int columns,
        BufferView<float> x, BufferView<float> mean, BufferView<float> inverseDeviation, BufferView<float> dy, BufferView<float> dWeight,
        BufferView<float>? dBias, BufferView<float> workspace)
    {
        Operand.Require(x, (long)rows * columns);
        Operand.Require(mean, rows);
        Operand.Require(inverseDeviation, rows);
        Operand.Require(dy, (long)rows * columns);
        Operand.Require(dWeight, columns);
        Operand.Require(dBias, columns);
        Operand.Require(workspace, ParameterGradientWorkspace(device, rows, columns));
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return [new LayerNormParameterGradientHost(cpu, rows, columns, x, mean, inverseDeviation, dy, dWeight, dBias)];
        }

        int chunks = LaunchShapes.Chunks(rows);
        long sums = (long)chunks * columns;
        LaunchShape columnItems = LaunchShapes.Elements(device, columns);
        Launch[] ofWeight =
        [
            LayerNormKernels.ParameterGradientChunksKernel.Bind(
                device, columnItems with { GroupsY = chunks }, x, mean, inverseDeviation, dy, workspace, rows, columns,
                LaunchShapes.RowsPerChunk),
            Reductions.AddChunks(device, columnItems, workspace.Slice(0, sums), dWeight, chunks, columns),
        ];
        return dBias is not { } ofBias
            ? ofWeight
            : [
                .. ofWeight,
                Reductions.AddChunks(device, columnItems, workspace.Slice(sums, sums), ofBias, chunks, columns),
            ];
    }
}
