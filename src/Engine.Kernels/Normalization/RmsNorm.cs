namespace Engine.Kernels;

/// <summary>
/// Root mean square normalization over the last dimension: y = x / sqrt(mean(x^2) + epsilon) * weight; x, y [rows, columns]
/// (Zhang and Sennrich, arXiv 1910.07467). Heads of a projection are normalized as rows of head size. With <c>oneMore</c> the factor is
/// 1 + weight, as in Gemma.
/// </summary>
public static class RmsNorm
{
    /// <param name="inverseRms">Receives each row's 1 / sqrt(mean(x^2) + epsilon) [rows].</param>
    public static Launch Forward(
        Device device, int rows, int columns, float epsilon, BufferView<float> x, BufferView<float> weight, BufferView<float> y,
        BufferView<float> inverseRms, bool oneMore = false)
    {
        Operand.Require(x, (long)rows * columns);
        Operand.Require(weight, columns);
        Operand.Require(y, (long)rows * columns);
        Operand.Require(inverseRms, rows);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return new RmsNormForwardHost(cpu, rows, columns, epsilon, x, weight, y, inverseRms, oneMore);
        }

        int groupSize = LaunchShapes.RowGroup(device, columns);
        return RmsNormKernels.ForwardKernel.Bind(
            device, new LaunchShape(rows, groupSize), x, weight, y, inverseRms, columns, epsilon, oneMore, groupSize);
    }

    /// <summary>
    /// dx = gradient by x (written). With <paramref name="addend"/>, dx = gradient + addend: a residual branch's gradient folded in. dx may
    /// be dy or addend.
    /// </summary>
    public static Launch Backward(
        Device device, int rows, int columns,
        BufferView<float> x, BufferView<float> weight, BufferView<float> inverseRms, BufferView<float> dy, BufferView<float>? addend,
        BufferView<float> dx, bool oneMore = false)
    {
        Operand.Require(x, (long)rows * columns);
        Operand.Require(weight, columns);
        Operand.Require(inverseRms, rows);
        Operand.Require(dy, (long)rows * columns);
        Operand.Require(addend, (long)rows * columns);
        Operand.Require(dx, (long)rows * columns);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return new RmsNormBackwardHost(cpu, rows, columns, x, weight, inverseRms, dy, addend, dx, oneMore);
        }

        int groupSize = LaunchShapes.RowGroup(device, columns);
        return RmsNormKernels.BackwardKernel.Bind(
            device, new LaunchShape(rows, groupSize), x, weight, inverseRms, dy, addend ?? default, dx, columns,
            addend is not null, oneMore, groupSize);
    }

    /// <summary>Elements of workspace of <see cref="ParameterGradient"/>.</summary>
    public static long ParameterGradientWorkspace(Device device, int rows, int columns) =>
        device is CpuDevice { Features.HostVectors: true } ? 0 : (long)LaunchShapes.Chunks(rows) * columns;

    /// <summary>Adds the gradient by the weight to dWeight [columns]; rows are summed in a fixed order.</summary>
    public static Launch[] ParameterGradient(
        Device device, int rows, int columns, BufferView<float> x, BufferView<float> inverseRms, BufferView<float> dy,
        BufferView<float> dWeight, BufferView<float> workspace)
    {
        Operand.Require(x, (long)rows * columns);
        Operand.Require(inverseRms, rows);
        Operand.Require(dy, (long)rows * columns);
        Operand.Require(dWeight, columns);
        Operand.Require(workspace, ParameterGradientWorkspace(device, rows, columns));
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return [new RmsNormParameterGradientHost(cpu, rows, columns, x, inverseRms, dy, dWeight)];
        }

        int chunks = LaunchShapes.Chunks(rows);
        LaunchShape columnItems = LaunchShapes.Elements(device, columns);
        return
        [
            RmsNormKernels.ParameterGradientChunksKernel.Bind(
                device, columnItems with { GroupsY = chunks }, x, inverseRms, dy, workspace, rows, columns, LaunchShapes.RowsPerChunk),
            Reductions.AddChunks(
                device, columnItems, workspace.Slice(0, (long)chunks * columns), dWeight, chunks, columns),
        ];
    }
}
