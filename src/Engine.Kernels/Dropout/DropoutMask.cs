using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>
/// The factors dropout multiplies by, made from the counter: 1 / (1 - probability) where an element is kept, 0 where it is dropped.
/// </summary>
internal readonly unsafe struct DropoutMask(float probability, uint stream, uint* random)
{
    private readonly PhiloxLanes philox = new(random[RandomState.SeedLow], random[RandomState.SeedHigh], stream, random[RandomState.Step]);
    private readonly uint threshold = Dropouts.Threshold(probability);
    private readonly float factor = Dropouts.Factor(probability);

    /// <summary>
    /// Elements <see cref="Factors(ulong, float*)"/> may write beyond those it is asked for, before and behind them together.
    /// </summary>
    public const int Slack = 3 * PhiloxLanes.Elements;

    /// <summary>Makes the factors of elements group * 64 to group * 64 + 63, in their order.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Factors(ulong group, float* factors)
    {
        philox.Words(group, out Vector512<uint> word0, out Vector512<uint> word1, out Vector512<uint> word2, out Vector512<uint> word3);
        Vector512<uint> limit = Vector512.Create(threshold);
        Vector512<float> keep = Vector512.Create(factor);
        PhiloxLanes.Store(
            Vector512.GreaterThanOrEqual(word0, limit).AsSingle() & keep,
            Vector512.GreaterThanOrEqual(word1, limit).AsSingle() & keep,
            Vector512.GreaterThanOrEqual(word2, limit).AsSingle() & keep,
            Vector512.GreaterThanOrEqual(word3, limit).AsSingle() & keep,
            factors);
    }

    /// <summary>
    /// Makes the factors of <paramref name="count"/> elements from <paramref name="first"/>, and at least a register of them behind:
    /// callers multiply whole registers, and what memory held before might be NaN. The buffer holds <see cref="Slack"/> more than count.
    /// </summary>
    /// <returns>Where in the buffer the first element's factor lies.</returns>
    public float* Factors(long first, int count, float* buffer)
    {
        ulong group = (ulong)first / PhiloxLanes.Elements;
        int before = (int)(first % PhiloxLanes.Elements);
        for (int done = 0; done < before + count + Lanes.Count; done += PhiloxLanes.Elements)
        {
            Factors(group++, buffer + done);
        }

        return buffer + before;
    }
}
