using Engine.Graph;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Model.Execution;

namespace Engine.Optim;

/// <summary>
/// The loss of a session's steps: its options, the class weights and the classes of the task on the device, and what each micro-batch's
/// mean loss counts for in its step's, by the labels the micro-batches have and the weights of their classes.
/// </summary>
internal sealed class StepLoss
{
    private readonly LossOptions loss;
    private readonly Variable? classWeights;
    private readonly Variable? logitOffsets;
    private double[] parts = [];
    private double whole;
    private int count;

    /// <exception cref="ArgumentException">Class weights that do not fit the model's classes.</exception>
    public StepLoss(LossOptions loss, Architecture architecture)
    {
        this.loss = loss;
        int classes = architecture.Head == HeadKind.SequenceClassification ? architecture.OutputSize : 0;
        if (loss.ByTask)
        {
            Block = new StorageBlock("loss");
            logitOffsets = Block.Reserve("logit_offsets", new Shape(classes));
        }

        if (loss.ClassWeights is not { } weights)
        {
            return;
        }

        if (weights.Count != classes || !weights.All(weight => weight > 0 && float.IsFinite(weight)))
        {
            throw new ArgumentException(
                $"The model has {classes} classes, each with a weight above 0; {weights.Count} weights are given.", nameof(loss));
        }

        Block ??= new StorageBlock("loss");
        classWeights = Block.Reserve("class_weights", new Shape(classes));
    }

    /// <summary>The memory of class weights and of the task's classes; null without any.</summary>
    public StorageBlock? Block { get; }

    /// <summary>Labels of all micro-batches.</summary>
    public long Total { get; private set; }

    /// <summary>The weight of a micro-batch; 0 where no micro-batch has a label.</summary>
    public float this[int microBatch] => loss.Average == LossAverage.Batches ? 1f / count
        : Total == 0 ? 0
        : (float)(parts[microBatch] / whole);

    /// <summary>What passes that compute the loss as training does have in common.</summary>
    public RunnerOptions Passes => new()
    {
        Dropout = true,
        LabelSmoothing = loss.LabelSmoothing,
        ClassWeights = classWeights,
        LogitOffsets = logitOffsets,
    };

    /// <summary>Writes the class weights, whose memory is there.</summary>
    public void Upload() => classWeights?.View<float>().Write([.. loss.ClassWeights!]);

    /// <summary>
    /// The classes that losses tell apart from now on: the others' logits are so low that their probabilities are 0, and with them their
    /// gradients, to the bit.
    /// </summary>
    public void Write(IReadOnlyCollection<int> classes)
    {
        const float Excluded = -1e30f;
        var offsets = new float[logitOffsets!.Shape.Count];
        for (int i = 0; i < offsets.Length; i++)
        {
            offsets[i] = classes.Contains(i) ? 0 : Excluded;
        }

        logitOffsets.View<float>().Write(offsets);
    }

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
