using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Model.Execution;

namespace Engine.Optim;

/// <summary>
/// Each sample's loss before and after a perturbation, for methods that select samples: kept on the device while the micro-batches of a
/// step run, read once. A sample of several places (a text's labelled tokens) counts with their mean.
/// </summary>
internal sealed class SampleSelection : IDisposable
{
    private readonly Variable current;
    private readonly Variable history;
    private readonly int rows;
    private readonly int microBatches;
    private readonly float[] losses;
    private readonly int[] selected;
    private readonly int[] selectedCounts;
    private readonly int tokens;

    /// <summary>Batches of selected rows by their number of rows: a step writes them anew.</summary>
    private readonly Dictionary<int, RaggedBatch> batches = [];

    /// <param name="capacity">The largest batch.</param>
    /// <param name="microBatches">Micro-batches of the longest step.</param>
    public SampleSelection(BatchShape capacity, int microBatches)
    {
        rows = capacity.Rows;
        tokens = capacity.Tokens;
        this.microBatches = microBatches;
        current = Block.Reserve("current", new Shape(rows));
        history = Block.Reserve("history", new Shape(2, microBatches, rows));
        losses = new float[history.Shape.Count];
        selected = new int[microBatches * rows];
        selectedCounts = new int[microBatches];
    }

    public StorageBlock Block { get; } = new("sample losses");

    /// <summary>Adds to a graph that its samples' losses are written down.</summary>
    public void Build(ModelGraph graph, HeadKind head)
    {
        LossTensors batch = graph.Batch;
        Tensor samples = head.PredictsTokens()
            ? graph.Graph.SampleMeans(graph.RowLosses, batch.Labels, batch.Selection?.RowStart ?? batch.RowStart)
            : graph.RowLosses;
        graph.Graph.Store(samples, Block.Overlay("current", new Shape(batch.Shape.Samples), current));
    }

    /// <summary>Keeps the losses of the micro-batch that has just run.</summary>
    public void Keep(int microBatch, RaggedBatch batch, bool after)
    {
        if (microBatch >= microBatches)
        {
            throw new ArgumentException(
                $"The session was made for steps of {microBatches} micro-batches; this one has more.", nameof(microBatch));
        }

        Block.Buffer.CopyFrom(
            Block.Buffer, current.ByteOffset, history.ByteOffset + (sizeof(float) * Start(microBatch, after)),
            sizeof(float) * (long)batch.RowCount);
    }

    /// <summary>Reads all losses to the host.</summary>
    public void Read() => history.View<float>().Read(losses);

    /// <summary>What was read of one micro-batch.</summary>
    public ReadOnlySpan<float> Losses(int microBatch, RaggedBatch batch, bool after) =>
        losses.AsSpan((int)Start(microBatch, after), batch.RowCount);

    /// <summary>Keeps which rows of a micro-batch the second pass runs.</summary>
    public void Select(int microBatch, ReadOnlySpan<int> chosen)
    {
        chosen.CopyTo(selected.AsSpan(microBatch * rows));
        selectedCounts[microBatch] = chosen.Length;
    }

    /// <summary>The rows of a micro-batch that the second pass runs.</summary>
    public ReadOnlySpan<int> Selected(int microBatch) => selected.AsSpan(microBatch * rows, selectedCounts[microBatch]);

    /// <summary>These rows as a batch, valid until that of another micro-batch with as many is asked for.</summary>
    public RaggedBatch SelectedRows(int microBatch, RaggedBatch batch)
    {
        ReadOnlySpan<int> chosen = Selected(microBatch);
        if (chosen.Length == batch.RowCount)
        {
            return batch;
        }

        if (!batches.TryGetValue(chosen.Length, out RaggedBatch? part))
        {
            batches.Add(chosen.Length, part = batch.RoomFor(chosen.Length, tokens));
        }

        batch.CopyRows(chosen, part);
        return part;
    }

    public void Dispose() => Block.Dispose();

    private long Start(int microBatch, bool after) => (((after ? (long)microBatches : 0) + microBatch) * rows);
}
