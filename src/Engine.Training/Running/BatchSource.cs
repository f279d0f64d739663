using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Model.Execution;
using Engine.Model.Safetensors;
using Engine.Training.Data;

namespace Engine.Training.Running;

/// <summary>
/// The training batches of a run. A batch depends on its epoch and index alone, so a resumed run sees what the uninterrupted one would have seen.
/// </summary>
public abstract class BatchSource : IDisposable
{
    /// <summary>What the batches are made from, for messages.</summary>
    public abstract string Origin { get; }

    /// <summary>Micro-batches of one epoch.</summary>
    public abstract int BatchesPerEpoch { get; }

    /// <summary>Whether the batches may be used more than once.</summary>
    public virtual bool Repeats => true;

    public abstract RaggedBatch Batch(int epoch, int index);

    /// <summary>The shapes of the micro-batches from the first on.</summary>
    public IEnumerable<BatchShape> Shapes(Architecture architecture, long count)
    {
        for (long i = 0; i < count; i++)
        {
            yield return ShapeOf(architecture, (int)(i / BatchesPerEpoch), (int)(i % BatchesPerEpoch));
        }
    }

    public virtual void Dispose() => GC.SuppressFinalize(this);

    protected abstract BatchShape ShapeOf(Architecture architecture, int epoch, int index);
}

/// <summary>Labelled texts, shuffled and grouped by length.</summary>
/// <param name="origin">The file they are from, for messages.</param>
/// <param name="sampler">Draws texts, or packs where there are some.</param>
/// <param name="masker">Masks texts afresh each epoch; null: nothing is masked.</param>
/// <param name="packs">Texts that go into batches together, each as a row of its own; null: every text by itself.</param>
public sealed class SampledBatches(string origin, EncodedSet set, LengthBucketedSampler sampler, TokenMasker? masker, IReadOnlyList<int[]>? packs = null) : BatchSource
{
    public override string Origin => origin;

    public override int BatchesPerEpoch => sampler.BatchesPerEpoch;

    public override RaggedBatch Batch(int epoch, int index)
    {
        int[] rows = Rows(epoch, index);
        RaggedBatch batch = set.Batch(rows);
        return masker is null ? batch : masker.Mask(batch, rows, (uint)epoch);
    }

    protected override BatchShape ShapeOf(Architecture architecture, int epoch, int index)
    {
        if (architecture.Head.PredictsTokens())
        {
            return BatchShape.Of(architecture, Batch(epoch, index));
        }

        int[] rows = Rows(epoch, index);
        return new BatchShape(rows.Length, TokenBuckets.RoundUp(rows.Sum(row => set.Lengths[row])), rows.Length);
    }

    private int[] Rows(int epoch, int index)
    {
        int[] drawn = sampler.Batches(epoch)[index];
        return packs is null ? drawn : [.. drawn.SelectMany(pack => packs[pack])];
    }
}

/// <summary>Batches as they stand in a safetensors file (<c>format: prebatched</c>): <c>input_ids.T</c>, <c>attention_mask.T</c>, <c>labels.T</c>, optional <c>token_type_ids.T</c>.</summary>
public sealed class PrebatchedFile : BatchSource
{
    private readonly SafetensorsFile file;
    private readonly Architecture architecture;

    public PrebatchedFile(string path, Architecture architecture)
    {
        file = SafetensorsFile.Open(path);
        this.architecture = architecture;
        BatchesPerEpoch = PrebatchedIndex.CountBatches(path, file.Tensors.Select(tensor => tensor.Name));
    }

    public override string Origin => file.FilePath;

    public override int BatchesPerEpoch { get; }

    public override bool Repeats => false;

    public override RaggedBatch Batch(int epoch, int index)
    {
        PaddedBatch batch = PaddedBatch.Read(file, architecture, $".{index}");
        return batch.HasLabels
            ? batch.Ragged
            : throw new DataFileException(Origin, $"there is no tensor labels.{index}; every batch to train on needs labels.");
    }

    public override void Dispose()
    {
        file.Dispose();
        base.Dispose();
    }

    protected override BatchShape ShapeOf(Architecture architecture, int epoch, int index) => BatchShape.Of(architecture, Batch(epoch, index));
}
