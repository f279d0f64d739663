using System.Runtime.Serialization;
using Engine.Model.Batching;

namespace Engine.Optim;

/// <summary>What the loss of a step of several micro-batches is the mean over.</summary>
public enum LossAverage
{
    /// <summary>
    /// The labels of the whole step, each counting alike whichever micro-batch it is in: labelled tokens of a language model, else texts. The step is the one that a single
    /// batch of all its texts would take.
    /// </summary>
    [EnumMember(Value = "tokens")]
    Tokens,

    /// <summary>The micro-batches' own means, each counting alike however many labels it has.</summary>
    [EnumMember(Value = "batches")]
    Batches,
}

/// <summary>What each micro-batch's mean loss counts for in its step's, by the labels the micro-batches have and the weights of their classes.</summary>
internal sealed class MicroBatchWeights(LossOptions loss)
{
    private double[] parts = [];
    private double whole;
    private int count;

    /// <summary>Labels of all micro-batches.</summary>
    public long Total { get; private set; }

    /// <summary>The weight of a micro-batch; 0 where no micro-batch has a label.</summary>
    public float this[int microBatch] => loss.Average == LossAverage.Batches ? 1f / count
        : Total == 0 ? 0
        : (float)(parts[microBatch] / whole);

    /// <summary>Begins a pass over so many micro-batches, whose labels are to be counted next.</summary>
    public void Begin(int microBatches)
    {
        parts = parts.Length < microBatches ? new double[microBatches] : parts;
        count = microBatches;
        whole = 0;
        Total = 0;
    }

    /// <summary>Counts the labels of a micro-batch.</summary>
    public void Count(int microBatch, RaggedBatch batch)
    {
        double weight = 0;
        for (int row = 0; loss.ClassWeights is not null && row < batch.RowCount; row++)
        {
            weight += WeightOf(batch, row);
        }

        Add(microBatch, batch.LabelCount, weight);
    }

    /// <summary>The same of some of its rows.</summary>
    public void Count(int microBatch, RaggedBatch batch, ReadOnlySpan<int> rows)
    {
        double weight = 0;
        for (int i = 0; loss.ClassWeights is not null && i < rows.Length; i++)
        {
            weight += WeightOf(batch, rows[i]);
        }

        Add(microBatch, batch.LabelCountOf(rows), weight);
    }

    private void Add(int microBatch, int labels, double weight)
    {
        parts[microBatch] = loss.ClassWeights is null ? labels : weight;
        whole += parts[microBatch];
        Total += labels;
    }

    private double WeightOf(RaggedBatch batch, int row) =>
        batch.ClassLabels is { } labels && labels[row] != RaggedBatch.IgnoredLabel ? loss.ClassWeights![labels[row]] : 0;
}
