using System.Runtime.Serialization;

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

/// <summary>What each micro-batch's mean loss counts for in its step's, by the labels the micro-batches have.</summary>
internal sealed class MicroBatchWeights(LossAverage average)
{
    private int[] labels = [];
    private int count;

    /// <summary>Labels of all micro-batches.</summary>
    public long Total { get; private set; }

    /// <summary>The weight of a micro-batch; 0 where no micro-batch has a label.</summary>
    public float this[int microBatch] => average == LossAverage.Batches ? 1f / count
        : Total == 0 ? 0
        : (float)((double)labels[microBatch] / Total);

    /// <summary>Begins a pass over so many micro-batches, whose labels are to be counted next.</summary>
    public void Begin(int microBatches)
    {
        labels = labels.Length < microBatches ? new int[microBatches] : labels;
        count = microBatches;
        Total = 0;
    }

    /// <summary>Says how many labels a micro-batch has.</summary>
    public void Count(int microBatch, int labelCount)
    {
        labels[microBatch] = labelCount;
        Total += labelCount;
    }
}
