using Engine.Model;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Safetensors;
using Engine.Training.Data;

namespace Engine.Training.Running;

/// <summary>
/// The training batches of a run. A batch depends on its epoch and index alone, so a resumed run sees what the uninterrupted one would have
/// seen.
/// </summary>
internal abstract class BatchSource : IDisposable
{
    /// <summary>What the batches are made from, for messages.</summary>
    public abstract string Origin { get; }

    /// <summary>Micro-batches of one epoch.</summary>
    public abstract int BatchesPerEpoch { get; }

    /// <summary>Whether the batches may be used more than once.</summary>
    public virtual bool Repeats => true;

    public abstract RaggedBatch Batch(int epoch, int index);

    /// <summary>The micro-batches of an optimizer step of a run of this length.</summary>
    internal RaggedBatch[] Step(RunLength length, long step)
    {
        (int epoch, int first, int count) = length.MicroBatches(step);
        return [.. Enumerable.Range(first, count).Select(index => Batch(epoch, index))];
    }

    /// <summary>The shapes, each once, of so many micro-batches from the first on.</summary>
    /// <param name="bySample">Of their rows one by one, as batches of their own.</param>
    public abstract IReadOnlyCollection<BatchShape> Shapes(Architecture architecture, long count, bool bySample = false);

    public virtual void Dispose() => GC.SuppressFinalize(this);
}

/// <summary>Labelled texts, shuffled and grouped by length.</summary>
/// <param name="origin">The file they are from, for messages.</param>
/// <param name="sampler">Draws texts, or packs where there are some.</param>
/// <param name="masker">Masks texts afresh each epoch; null: nothing is masked.</param>
/// <param name="packs">Texts that go into batches together, each as a row of its own; null: every text by itself.</param>
internal sealed class SampledBatches(
    string origin, EncodedSet set, LengthBucketedSampler sampler, TokenMasker? masker, IReadOnlyList<int[]>? packs = null)
    : BatchSource
{
    public override string Origin => origin;

    public override int BatchesPerEpoch => sampler.BatchesPerEpoch;

    /// <summary>Rows that batches are drawn from: packs where there are some, else texts.</summary>
    internal int Count => packs?.Count ?? set.Count;

    /// <summary>Class of each text, or null.</summary>
    internal IReadOnlyList<int>? ClassLabels => set.ClassLabels;

    /// <summary>Batches of some of the rows alone, drawn by the same rules.</summary>
    /// <param name="rows">Numbers below <see cref="Count"/>.</param>
    internal SampledBatches Part(IReadOnlyList<int> rows) => new(
        origin, set, sampler.Part(rows), masker, [.. rows.Select(row => packs?[row] ?? [row])]);

    public override RaggedBatch Batch(int epoch, int index)
    {
        int[] rows = Rows(sampler.Batches(epoch)[index]);
        RaggedBatch batch = set.Batch(rows);
        return masker is null ? batch : masker.Mask(batch, rows, (uint)epoch);
    }

    /// <remarks>
    /// Lengths and labels decide a batch's shape, and an epoch's order is a function of its number: no batch is made, and epochs are gone
    /// through side by side.
    /// </remarks>
    public override IReadOnlyCollection<BatchShape> Shapes(Architecture architecture, long count, bool bySample = false)
    {
        int epochs = checked((int)((count + BatchesPerEpoch - 1) / BatchesPerEpoch));
        HashSet<BatchShape>[] byEpoch = ParallelWork.Run(
            epochs, epoch => ShapesOf(architecture, epoch, Math.Min(BatchesPerEpoch, count - ((long)epoch * BatchesPerEpoch)), bySample));
        return byEpoch.SelectMany(shapes => shapes).ToHashSet();
    }

    private HashSet<BatchShape> ShapesOf(Architecture architecture, int epoch, long batches, bool bySample)
    {
        IReadOnlyList<int>? labels = masker?.Counts(set, (uint)epoch) ?? set.LabelCounts;
        HashSet<BatchShape> shapes = [];
        foreach (int[] drawn in sampler.Draw((uint)epoch).AsSpan(0, (int)batches))
        {
            int[] rows = Rows(drawn);
            if (!bySample)
            {
                shapes.Add(set.ShapeOf(architecture, rows, labels));
                continue;
            }

            foreach (int row in rows)
            {
                shapes.Add(set.ShapeOf(architecture, [row], labels));
            }
        }

        return shapes;
    }

    private int[] Rows(int[] drawn) => packs is null ? drawn : [.. drawn.SelectMany(pack => packs[pack])];
}

/// <summary>
/// Batches as they stand in a safetensors file (<c>format: prebatched</c>): <c>input_ids.T</c>, <c>attention_mask.T</c>, <c>labels.T</c>,
/// optional <c>token_type_ids.T</c>.
/// </summary>
internal sealed class PrebatchedFile : BatchSource
{
    private readonly SafetensorsFile file;
    private readonly Architecture architecture;
    private readonly bool keepsPadding;

    /// <param name="keepsPadding">Batches keep their padding, which the run's adapters count.</param>
    public PrebatchedFile(string path, Architecture architecture, bool keepsPadding = false)
    {
        this.keepsPadding = keepsPadding;
        file = SafetensorsFile.Open(path);
        this.architecture = architecture;
        BatchesPerEpoch = PrebatchedIndex.CountBatches(path, file.Tensors.Select(tensor => tensor.Name));
    }

    public override string Origin => file.FilePath;

    public override int BatchesPerEpoch { get; }

    public override bool Repeats => false;

    public override RaggedBatch Batch(int epoch, int index)
    {
        PaddedBatch batch = PaddedBatch.Read(file, architecture, $".{index}", keepsPadding);
        return batch.HasLabels
            ? batch.Ragged
            : throw new DataFileException(Origin, $"there is no tensor labels.{index}; every batch to train on needs labels.");
    }

    public override IReadOnlyCollection<BatchShape> Shapes(Architecture architecture, long count, bool bySample = false)
    {
        IEnumerable<RaggedBatch> batches = Enumerable.Range(0, checked((int)count)).Select(index => Batch(0, index));
        return batches
            .SelectMany(batch => bySample ? Samples(batch) : [BatchShape.Of(architecture, batch)])
            .ToHashSet();

        IEnumerable<BatchShape> Samples(RaggedBatch batch)
        {
            for (int row = 0; row < batch.RowCount; row++)
            {
                RaggedBatch sample = batch.RoomFor(1, batch.RowStart[row + 1] - batch.RowStart[row]);
                batch.CopyRows([row], sample);
                yield return BatchShape.Of(architecture, sample);
            }
        }
    }

    public override void Dispose()
    {
        file.Dispose();
        base.Dispose();
    }
}
