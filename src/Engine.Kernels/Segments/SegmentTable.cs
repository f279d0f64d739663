using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>A tensor in a run of memory.</summary>
/// <param name="First">Its first element in the run.</param>
/// <param name="Count">Its elements.</param>
/// <param name="Scaled">Whether ASAM's operator |w| + eta applies to it; where not (biases) the operator is the identity.</param>
internal readonly record struct Segment(int First, int Count, bool Scaled = true);

/// <summary>A piece of a segment that one group of work-items or one thread takes.</summary>
/// <param name="Packed">Its first element in a buffer that holds the segments one after another, without what lies between them in the
/// run.</param>
internal readonly record struct SegmentChunk(int Segment, int First, int Count, int Packed, bool Scaled);

/// <summary>
/// Tensors of a run of memory (the trainable parameters, or their gradients), cut into chunks, so that one launch works on all of them: the
/// host's copy of the table, and the words of the device's.
/// </summary>
internal sealed class SegmentTable
{
    /// <summary>Elements of a chunk.</summary>
    internal const int ChunkElements = RangeHost.Grain;

    /// <summary>Words of a chunk's entry: segment, first, count, packed, scaled.</summary>
    internal const int ChunkWords = 5;

    private readonly SegmentChunk[] chunks;
    private readonly int[] chunkStart;

    /// <param name="segments">At least one; each has elements.</param>
    public SegmentTable(IReadOnlyList<Segment> segments)
    {
        ArgumentOutOfRangeException.ThrowIfZero(segments.Count, nameof(segments));
        var list = new List<SegmentChunk>();
        chunkStart = new int[segments.Count + 1];
        for (int i = 0; i < segments.Count; i++)
        {
            ArgumentOutOfRangeException.ThrowIfNegativeOrZero(segments[i].Count, nameof(segments));
            for (int done = 0; done < segments[i].Count; done += ChunkElements)
            {
                int count = Math.Min(ChunkElements, segments[i].Count - done);
                list.Add(new SegmentChunk(i, segments[i].First + done, count, PackedCount, segments[i].Scaled));
                PackedCount = checked(PackedCount + count);
            }

            chunkStart[i + 1] = list.Count;
            RunCount = Math.Max(RunCount, segments[i].First + segments[i].Count);
        }

        chunks = [.. list];
        SegmentCount = segments.Count;
    }

    public int SegmentCount { get; }

    /// <summary>Elements of all segments together.</summary>
    public int PackedCount { get; }

    /// <summary>Elements a run must have.</summary>
    public int RunCount { get; }

    /// <summary>int32 words of <see cref="Encode"/>.</summary>
    public int WordCount => SegmentCount + 1 + (ChunkWords * chunks.Length);

    internal ReadOnlySpan<SegmentChunk> Chunks => chunks;

    /// <summary>[segments + 1] The first chunk of each segment.</summary>
    internal ReadOnlySpan<int> ChunkStart => chunkStart;

    /// <summary>The device's copy: the first chunk of each segment and the number of chunks, then the chunks' entries.</summary>
    public int[] Encode()
    {
        var words = new List<int>(WordCount);
        words.AddRange(chunkStart);
        foreach (SegmentChunk chunk in chunks)
        {
            words.AddRange([chunk.Segment, chunk.First, chunk.Count, chunk.Packed, chunk.Scaled ? 1 : 0]);
        }

        return [.. words];
    }
}
