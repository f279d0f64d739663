using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Model.Execution;
using Engine.Training.Configuration;
using Engine.Training.Data;
using Engine.Training.Metrics;

namespace Engine.Training.Running;

/// <summary>What an evaluation found.</summary>
/// <param name="Metrics">The task's metrics by name.</param>
/// <param name="Logits">[rows, output size] in file order; empty for language models.</param>
public sealed record EvaluationResult(IReadOnlyDictionary<string, double> Metrics, float[] Logits)
{
    /// <summary>What a user should know of the texts: how many were cut, or are empty.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];
}

/// <summary>Runs a labelled set through a model and computes the task's metrics.</summary>
public sealed class Evaluator(Architecture architecture, EncodedSet set, int batchSize, TokenMasker? masker, string origin)
{
    private readonly IReadOnlyList<int[]> batches = SequentialBatches.ByLength(set.Lengths, batchSize);

    /// <summary>The shapes of the evaluation's batches.</summary>
    public IEnumerable<BatchShape> Shapes => batches.Select(rows => BatchShape.Of(architecture, Batch(rows)));

    /// <summary>Texts of the set.</summary>
    public int RowCount => set.Count;

    /// <summary>What the set was read from, for messages.</summary>
    public string Origin => origin;

    /// <summary>The evaluation's batches, with their labels.</summary>
    public IReadOnlyList<RaggedBatch> Batches => [.. batches.Select(Batch)];

    /// <summary>The task's metrics over the set.</summary>
    /// <param name="run">Runs one batch without dropout or perturbation.</param>
    /// <exception cref="TrainingException">An output is not finite.</exception>
    /// <exception cref="OperationCanceledException">Cancelled between two batches.</exception>
    public EvaluationResult Evaluate(Func<RaggedBatch, string, ModelRun> run, CancellationToken cancellation = default)
    {
        (float[] logits, double loss) = RunAll(run, cancellation);
        IReadOnlyDictionary<string, double> metrics = architecture.Head switch
        {
            HeadKind.SequenceClassification => TaskMetrics.Classification(set.ClassLabels, logits, architecture.OutputSize, loss),
            HeadKind.Regression => TaskMetrics.Regression(set.Targets, logits, loss),
            _ => TaskMetrics.LanguageModel(loss),
        };
        return new EvaluationResult(metrics, logits);
    }

    /// <summary>The logits alone, [rows, output size] in file order; the set needs no labels.</summary>
    /// <param name="run">Runs one batch without dropout or perturbation.</param>
    public float[] Predict(Func<RaggedBatch, string, ModelRun> run) => RunAll(run, CancellationToken.None).Logits;

    private (float[] Logits, double Loss) RunAll(Func<RaggedBatch, string, ModelRun> run, CancellationToken cancellation)
    {
        int columns = architecture.Head.PredictsTokens() ? 0 : architecture.OutputSize;
        var logits = new float[checked(set.Count * columns)];
        double loss = 0;
        long places = 0;
        foreach (int[] rows in batches)
        {
            cancellation.ThrowIfCancellationRequested();
            RaggedBatch batch = Batch(rows);
            ModelRun result = run(batch, origin);
            foreach (float rowLoss in result.RowLosses)
            {
                loss += rowLoss;
            }

            if (columns == 0 && double.IsNaN(loss))
            {
                throw NotFinite("loss of a row", loss);
            }

            places += batch.TokenLabels?.Count(label => label != RaggedBatch.IgnoredLabel) ?? rows.Length;
            if (columns > 0)
            {
                float[] values = result.Logits;
                int wrong = Array.FindIndex(values, 0, rows.Length * columns, value => !float.IsFinite(value));
                if (wrong >= 0)
                {
                    throw NotFinite($"output of row {rows[wrong / columns]} (counted from 0)", values[wrong]);
                }

                for (int i = 0; i < rows.Length; i++)
                {
                    values.AsSpan(i * columns, columns).CopyTo(logits.AsSpan(rows[i] * columns));
                }
            }
        }

        return (logits, places == 0 ? 0 : loss / places);
    }

    private TrainingException NotFinite(string what, double value) => new(
        $"{origin}: the model's {what} is {value}. The weights hold numbers that are not finite, or have grown too large.");

    private RaggedBatch Batch(int[] rows)
    {
        RaggedBatch batch = set.Batch(rows);
        return masker is null ? batch : masker.Mask(batch, rows, epoch: 0);
    }
}
