namespace Engine.Kernels;

/// <summary>
/// Rotary position embeddings (Su et al., arXiv 2104.09864) in the half-split layout of Transformers: of a head of size 2 h, elements
/// j and j + h turn together by position times frequency j. A head may go on behind its pairs: what is there is not turned.
/// </summary>
public static class Rotary
{
    /// <summary>
    /// A frequency as the kernels read it: turns per position as a fraction of 2^64. Position times frequency wraps around at whole turns
    /// by itself, so the angle is exact at any position, where float32 would lose a digit for each tenfold position.
    /// </summary>
    /// <param name="radiansPerPosition">The frequency, 0 or above.</param>
    public static ulong Frequency(double radiansPerPosition)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(radiansPerPosition);
        double turns = radiansPerPosition / (2 * Math.PI);
        return (ulong)Math.ScaleB(turns - Math.Floor(turns), 64);
    }

    /// <summary>The cosines and behind them the sines of each token's angles; angles [tokens, 2 half].</summary>
    /// <param name="positions">A token's position in its row, 0 or above [tokens].</param>
    /// <param name="frequencies">As <see cref="Frequency"/> makes them [half].</param>
    /// <param name="scale">What cosines and sines are multiplied by, and with them what is turned.</param>
    public static Launch Angles(
        Device device, int tokens, int half, BufferView<int> positions, BufferView<ulong> frequencies, BufferView<float> angles,
        float scale = 1f)
    {
        Operand.Require(positions, tokens);
        Operand.Require(frequencies, half);
        Operand.Require(angles, 2L * tokens * half);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return new RotaryAnglesHost(cpu, tokens, half, scale, positions, frequencies, angles);
        }

        long count = (long)tokens * half;
        return RotaryKernels.AnglesKernel.Bind(
            device, LaunchShapes.Elements(device, count), positions, frequencies, angles, scale, count, half);
    }

    /// <summary>Turns every head: (y1, y2) = (x1 cos - x2 sin, x2 cos + x1 sin); x, y [tokens, heads, 2 half + rest]; y may be x.</summary>
    /// <param name="angles">Of <see cref="Angles"/>.</param>
    /// <param name="backwards">By the negative angle: the gradient by x of a turned y.</param>
    /// <param name="rest">Elements of a head behind its pairs.</param>
    public static Launch Apply(
        Device device, int tokens, int heads, int half, BufferView<float> x, BufferView<float> angles, bool backwards, BufferView<float> y,
        int rest = 0)
    {
        Operand.Require(x, ((2L * half) + rest) * tokens * heads);
        Operand.Require(angles, 2L * tokens * half);
        Operand.Require(y, ((2L * half) + rest) * tokens * heads);
        float direction = backwards ? -1f : 1f;
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return new RotaryApplyHost(cpu, tokens, heads, half, rest, x, angles, direction, y);
        }

        long count = (long)tokens * heads * (half + rest);
        return RotaryKernels.ApplyKernel.Bind(
            device, LaunchShapes.Elements(device, count), x, angles, y, count, heads, half, rest, direction);
    }
}
