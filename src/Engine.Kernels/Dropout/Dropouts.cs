using Engine.Devices;

namespace Engine.Kernels;

/// <summary>
/// Counter-based dropout: element e is kept when its Philox word (block e / 4, lane e % 4, stream, the state's seed and step)
/// is at least probability * 2^32, and then scaled by 1 / (1 - probability). The mask is made again in the backward pass.
/// </summary>
public static class Dropouts
{
    /// <summary>y = dropout(x) [+ residual]; y may be x. The backward pass is the same call on dy without a residual.</summary>
    public static Launch Apply(
        Device device, long count, float probability, uint stream, BufferView<float> x, BufferView<float>? residual, BufferView<uint> random, BufferView<float> y)
        => throw new NotImplementedException();
}
