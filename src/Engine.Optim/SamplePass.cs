using Engine.Model.Batching;

namespace Engine.Optim;

/// <summary>The samples of a step's micro-batches one by one, each as a batch of its own; a step allocates nothing for them.</summary>
/// <param name="tokens">Tokens of the longest.</param>
internal sealed class SamplePass(int tokens)
{
    private RaggedBatch? sample;
    private int batch;
    private int row;

    /// <summary>The number in its step of the sample that came last.</summary>
    public int Number { get; private set; }

    /// <summary>Samples of a step.</summary>
    public static int Count(IReadOnlyList<RaggedBatch> microBatches)
    {
        int count = 0;
        for (int i = 0; i < microBatches.Count; i++)
        {
            count += microBatches[i].RowCount;
        }

        return count;
    }

    /// <summary>Begins a step.</summary>
    public void Begin() => (batch, row, Number) = (0, 0, -1);

    /// <summary>
    /// The next sample that has a label, without which a gradient is 0, valid until the one after it; null: there is none.
    /// </summary>
    public RaggedBatch? Next(IReadOnlyList<RaggedBatch> microBatches)
    {
        for (; batch < microBatches.Count; batch++, row = 0)
        {
            RaggedBatch rows = microBatches[batch];
            while (row < rows.RowCount)
            {
                ReadOnlySpan<int> next = [row++];
                Number++;
                if (rows.LabelCountOf(next) > 0)
                {
                    sample ??= rows.RoomFor(1, tokens);
                    rows.CopyRows(next, sample);
                    return sample;
                }
            }
        }

        return null;
    }
}
