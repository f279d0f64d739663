using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>Weight-decomposed adaptation: DoRA (Liu et al. 2024, arXiv 2402.09353) with PEFT's norm by output row.</summary>
internal static class Dora
{
    /// <summary>
    /// scale[i] = magnitude[i] / c[i] and inverseNorm[i] = 1 / c[i] (0 for a row of zeros), c[i] the norm of row i of W0 + s B A by
    /// ||W0_i||^2 + 2 s b_i . (W0 A^T)_i + s^2 b_i (A A^T) b_i, from baseNorm[i] = ||W0_i||^2, wa = A W0^T [rank, rows], b = B [rows,
    /// rank], gram = A A^T [rank, rank].
    /// </summary>
    public static Launch Scale(
        Device device, int rows, int rank, float loraScale,
        BufferView<float> baseNorm, BufferView<float> wa, BufferView<float> b, BufferView<float> gram, BufferView<float> magnitude,
        BufferView<float> scale, BufferView<float> inverseNorm)
    {
        Operand.Require(baseNorm, rows);
        Operand.Require(wa, (long)rows * rank);
        Operand.Require(b, (long)rows * rank);
        Operand.Require(gram, (long)rank * rank);
        Operand.Require(magnitude, rows);
        Operand.Require(scale, rows);
        Operand.Require(inverseNorm, rows);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return new DoraScaleHost(cpu, rows, rank, loraScale, baseNorm, wa, b, gram, magnitude, scale, inverseNorm);
        }

        return DoraKernels.ScaleKernel.Bind(
            device, LaunchShapes.Elements(device, rows), baseNorm, wa, b, gram, magnitude, scale, inverseNorm, rows, rank, loraScale);
    }
}

/// <summary>The rows' scales, norms added in float64 because they cancel where an adapter undoes its weight.</summary>
internal sealed unsafe class DoraScaleHost(
    CpuDevice device, int rows, int rank, float loraScale,
    BufferView<float> baseNorm, BufferView<float> wa, BufferView<float> b, BufferView<float> gram, BufferView<float> magnitude,
    BufferView<float> scale, BufferView<float> inverseNorm)
    : RowHost(device, rows, (rank + 2) * rank)
{
    private readonly float* baseNorm = CpuDevice.Pointer(baseNorm);
    private readonly float* wa = CpuDevice.Pointer(wa);
    private readonly float* b = CpuDevice.Pointer(b);
    private readonly float* gram = CpuDevice.Pointer(gram);
    private readonly float* magnitude = CpuDevice.Pointer(magnitude);
    private readonly float* scale = CpuDevice.Pointer(scale);
    private readonly float* inverseNorm = CpuDevice.Pointer(inverseNorm);

    public override string Name => "Dora_Scale";

    protected override void Row(int row, int worker)
    {
        float* factors = b + ((long)row * rank);
        double square = 0;
        for (int k = 0; k < rank; k++)
        {
            square += factors[k] * Lanes.Dot(gram + ((long)k * rank), factors, rank);
        }

        double cross = 0;
        for (int k = 0; k < rank; k++)
        {
            cross += (double)wa[((long)k * Rows) + row] * factors[k];
        }

        double norm = Math.Sqrt(Math.Max(0, baseNorm[row] + (2.0 * loraScale * cross) + ((double)loraScale * loraScale * square)));
        double inverse = norm > 0 ? 1 / norm : 0;
        inverseNorm[row] = (float)inverse;
        scale[row] = (float)(magnitude[row] * inverse);
    }
}
