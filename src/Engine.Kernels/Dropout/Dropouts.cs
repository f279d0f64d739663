namespace Engine.Kernels;

/// <summary>
/// Counter-based dropout: element e is kept when its Philox word (block e / 4, lane e % 4, stream, the state's seed and step)
/// is at least probability * 2^32, and then scaled by 1 / (1 - probability). The mask is made again in the backward pass.
/// </summary>
internal static class Dropouts
{
    /// <summary>y = dropout(x) [+ residual]; y may be x or residual. The backward pass is the same call on dy without a residual.</summary>
    public static Launch Apply(
        Device device, long count, float probability, uint stream, BufferView<float> x, BufferView<float>? residual,
        BufferView<uint> random, BufferView<float> y)
    {
        if (!(probability >= 0 && probability < 1))
        {
            throw new ArgumentOutOfRangeException(nameof(probability), probability, "a dropout probability is at least 0 and less than 1.");
        }

        Operand.Require(x, count);
        Operand.Require(residual, count);
        Operand.Require(random, RandomState.Count);
        Operand.Require(y, count);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return new DropoutHost(cpu, count, probability, stream, x, residual, random, y);
        }

        return DropoutsKernels.ApplyKernel.Bind(
            device, LaunchShapes.Elements(device, (count + 3) / 4),
            x, residual ?? default, random, y, stream, Threshold(probability), Factor(probability), count, residual is not null);
    }

    /// <summary>The least word that keeps its element.</summary>
    internal static uint Threshold(float probability) => (uint)Math.Ceiling(probability * 4294967296.0);

    /// <summary>What a kept element is multiplied by.</summary>
    internal static float Factor(float probability) => (float)(1 / (1 - (double)probability));
}
