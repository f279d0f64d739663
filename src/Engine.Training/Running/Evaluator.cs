using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Model.Execution;
using Engine.Training.Configuration;
using Engine.Training.Data;
using Engine.Training.Metrics;

namespace Engine.Training.Running;

/// <summary>What an evaluation found.</summary>
/// <param name="Metrics">The task's metrics by name.</param>
/// <param name="Logits">[rows, output size] in file order, of words [words, output size], of answers [tokens, 2], vectors
/// [texts, output size]; empty for language models.</param>
public sealed record EvaluationResult(IReadOnlyDictionary<string, double> Metrics, float[] Logits)
{
    /// <summary>What a user should know of the texts: how many were cut, or are empty.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>The class that every row is taken for, where rows are of several; else null.</summary>
    public int? OnlyClass { get; init; }
}

/// <summary>
/// Runs a batch in evaluation, without dropout or perturbation, and lets its results be read before anything else runs in their memory.
/// </summary>
/// <param name="source">What the batch was made from, for messages.</param>
internal delegate void BatchRun(RaggedBatch batch, string source, Action<ModelRun> read);

/// <summary>Runs a labelled set through a model and computes the task's metrics. Safe for use by several threads.</summary>
internal sealed class Evaluator(Architecture architecture, EncodedSet set, int batchSize, TokenMasker? masker, string origin)
{
    private readonly IReadOnlyList<int[]> batches = SequentialBatches.ByLength(set.Lengths, batchSize);

    /// <summary>[rows + 1] The first of each row's outputs: one a row, or one for each text, each labelled token or each token.</summary>
    private readonly int[] placeStart = PlaceStart(set, architecture.Head switch
    {
        HeadKind.TokenClassification => set.LabelCounts,
        HeadKind.QuestionAnswering => set.Lengths,
        HeadKind.MultipleChoice or HeadKind.Ranking or HeadKind.Similarity => [.. Enumerable.Repeat(set.TextsPerRow, set.Count)],
        _ => null,
    });

    /// <summary>The shapes of the evaluation's batches, each once.</summary>
    public IReadOnlyCollection<BatchShape> Shapes
    {
        get
        {
            IReadOnlyList<int>? labels = masker?.Counts(set, epoch: 0) ?? set.LabelCounts;
            return batches.Select(rows => set.ShapeOf(architecture, rows, labels)).ToHashSet();
        }
    }

    /// <summary>Texts of the set.</summary>
    public int RowCount => set.Count;

    /// <summary>Class of each text, or null.</summary>
    public IReadOnlyList<int>? ClassLabels => set.ClassLabels;

    /// <summary>What the set was read from, for messages.</summary>
    public string Origin => origin;

    /// <summary>The evaluation's batches, with their labels.</summary>
    public IReadOnlyList<RaggedBatch> Batches => [.. batches.Select(Batch)];

    /// <summary>Columns of the outputs that are kept.</summary>
    private int OutputColumns => architecture.Head.NamesTokens() ? 0 : architecture.OutputSize;

    /// <summary>The evaluation of some of the texts alone.</summary>
    public Evaluator Part(IReadOnlyList<int> rows) => new(architecture, set.Part(rows), batchSize, masker, origin);

    /// <summary>The task's metrics over the set.</summary>
    /// <exception cref="TrainingException">An output is not finite.</exception>
    /// <exception cref="OperationCanceledException">Cancelled between two batches.</exception>
    public EvaluationResult Evaluate(BatchRun run, CancellationToken cancellationToken = default)
    {
        Totals totals = RunAll(run, cancellationToken);
        (float[] logits, double loss) = (totals.Logits, totals.Loss);
        if (architecture.Head == HeadKind.SequenceClassification)
        {
            int[] predictions = ClassificationMetrics.Argmax(logits, architecture.OutputSize);
            return new EvaluationResult(
                TaskMetrics.Classification(set.ClassLabels, predictions, architecture.OutputSize, loss), logits)
            {
                OnlyClass = ClassificationMetrics.Only(set.ClassLabels, predictions),
            };
        }

        return new EvaluationResult(
            architecture.Head switch
            {
                HeadKind.Regression => TaskMetrics.Regression(set.Targets, logits, loss),
                HeadKind.MultiLabelClassification => TaskMetrics.MultiLabel(set.Targets!, logits, architecture.OutputSize, loss),
                HeadKind.Ranking => SentenceMetrics.Retrieval(logits, set.TextsPerRow, architecture.OutputSize, loss),
                HeadKind.Similarity => SentenceMetrics.Similarity(set.Targets!, logits, architecture.OutputSize, loss),
                HeadKind.MultipleChoice => TaskMetrics.Choices(
                    set.ClassLabels, ClassificationMetrics.Argmax(logits, set.TextsPerRow), loss),
                HeadKind.QuestionAnswering => TaskMetrics.Answers(set.Questions!, AnswersOf(logits), loss),
                HeadKind.TokenClassification => TaskMetrics.Entities(
                    [.. Places(set.TokenClasses!.SelectMany(row => row.Where(label => label != RaggedBatch.IgnoredLabel)).ToArray())],
                    [.. Places(ClassificationMetrics.Argmax(logits, architecture.OutputSize))],
                    architecture.ModelConfig.Labels.Names, loss),
                _ => TaskMetrics.LanguageModel(loss),
            },
            logits);
    }

    /// <summary>Numbers of each row's outputs.</summary>
    public IEnumerable<int[]> Places(int[] numbers) =>
        Enumerable.Range(0, set.Count).Select(row => numbers[placeStart[row]..placeStart[row + 1]]);

    /// <summary>Answers to the questions whose windows the rows are.</summary>
    /// <param name="logits">[tokens of all rows, 2]</param>
    public FoundAnswer[] AnswersOf(float[] logits) =>
        set.Questions!.Answers(row => logits.AsMemory((2 * placeStart[row])..(2 * placeStart[row + 1])));

    private static int[] PlaceStart(EncodedSet set, IReadOnlyList<int>? counts)
    {
        int[] start = new int[set.Count + 1];
        for (int row = 0; row < set.Count; row++)
        {
            start[row + 1] = start[row] + (counts?[row] ?? 1);
        }

        return start;
    }

    /// <summary>The logits alone, [rows, output size] in file order; the set needs no labels.</summary>
    /// <exception cref="TrainingException">An output is not finite.</exception>
    /// <exception cref="OperationCanceledException">Cancelled between two batches.</exception>
    public float[] Predict(BatchRun run, CancellationToken cancellationToken = default) => RunAll(run, cancellationToken).Logits;

    /// <summary>As <see cref="Predict"/>, with batches that are waited for.</summary>
    public async Task<float[]> PredictAsync(
        Func<RaggedBatch, string, Action<ModelRun>, Task> run, CancellationToken cancellationToken = default)
    {
        var totals = new Totals(this);
        foreach (int[] rows in batches)
        {
            cancellationToken.ThrowIfCancellationRequested();
            RaggedBatch batch = Batch(rows);
            await run(batch, origin, result => totals.Add(rows, batch, result)).ConfigureAwait(false);
        }

        return totals.Logits;
    }

    private Totals RunAll(BatchRun run, CancellationToken cancellationToken)
    {
        var totals = new Totals(this);
        foreach (int[] rows in batches)
        {
            cancellationToken.ThrowIfCancellationRequested();
            RaggedBatch batch = Batch(rows);
            run(batch, origin, result => totals.Add(rows, batch, result));
        }

        return totals;
    }

    private TrainingException NotFinite(string what, double value) => new(
        $"{origin}: the model's {what} is {value}. The weights hold numbers that are not finite, or have grown too large.");

    private RaggedBatch Batch(int[] rows)
    {
        RaggedBatch batch = set.Batch(rows);
        return masker is null ? batch : masker.Mask(batch, rows, epoch: 0);
    }

    /// <summary>What the batches of one evaluation add up to.</summary>
    private sealed class Totals(Evaluator evaluator)
    {
        private readonly int columns = evaluator.OutputColumns;
        private double loss;
        private long places;

        public float[] Logits { get; } = new float[checked(evaluator.placeStart[^1] * evaluator.OutputColumns)];

        public double Loss => places == 0 ? 0 : loss / places;

        public void Add(int[] rows, RaggedBatch batch, ModelRun result)
        {
            foreach (float rowLoss in result.RowLosses)
            {
                loss += rowLoss;
            }

            if (columns == 0 && double.IsNaN(loss))
            {
                throw evaluator.NotFinite("loss of a row", loss);
            }

            places += batch.LabelCount;
            if (columns == 0)
            {
                return;
            }

            float[] values = result.Logits;
            int taken = 0;
            foreach (int row in rows)
            {
                int first = evaluator.placeStart[row], count = (evaluator.placeStart[row + 1] - first) * columns;
                int wrong = Array.FindIndex(values, taken, count, value => !float.IsFinite(value));
                if (wrong >= 0)
                {
                    throw evaluator.NotFinite($"output of row {row} (counted from 0)", values[wrong]);
                }

                values.AsSpan(taken, count).CopyTo(Logits.AsSpan(first * columns));
                taken += count;
            }
        }
    }
}
