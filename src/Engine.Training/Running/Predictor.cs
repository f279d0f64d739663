using Engine.Common;
using Engine.Common.Files;
using Engine.Devices;
using Engine.Model;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Tokenizers;
using Engine.Training.Data;
using Engine.Training.Metrics;

namespace Engine.Training.Running;

/// <summary>One text's prediction.</summary>
/// <param name="Label">The most probable class's name; null for regression, words and answers, and where a text has any number of
/// classes.</param>
/// <param name="Probability">Its probability, or the predicted number for regression.</param>
/// <param name="Scores">Every class's probability, or the predicted number; empty for words and answers.</param>
public sealed record Prediction(string? Label, double Probability, IReadOnlyList<double> Scores)
{
    /// <summary>Whether the text was longer than the maximum length, and its end not read.</summary>
    public bool IsCut { get; init; }

    /// <summary>The number of the chosen text, from 0, where there are several to choose from; else null.</summary>
    public int? Choice { get; init; }

    /// <summary>The part of the context that answers the question, empty where there is none; null for other tasks.</summary>
    public string? Answer { get; init; }

    /// <summary>Where in the context it begins, in UTF-16 units; null where there is no answer.</summary>
    public int? AnswerStart { get; init; }

    /// <summary>Every class whose probability is above a half, where a text has any number of them; else null.</summary>
    public IReadOnlyList<string>? Labels { get; init; }

    /// <summary>The words of the text with their labels, where each has one; else null.</summary>
    public IReadOnlyList<WordPrediction>? Words { get; init; }

    /// <summary>The entities that the words' labels make up, such as those of B-PER and I-PER; null where words have none.</summary>
    public IReadOnlyList<EntityPrediction>? Entities { get; init; }
}

/// <summary>One word's prediction.</summary>
/// <param name="Label">The most probable class's name; null for a word that was not read, as it stood behind the maximum length.</param>
/// <param name="Probability">Its probability.</param>
public sealed record WordPrediction(string Word, string? Label, double Probability);

/// <summary>An entity in a text.</summary>
/// <param name="Type">What it is, such as PER.</param>
/// <param name="Text">Its words, with blanks between.</param>
/// <param name="First">Its first word, from 0.</param>
/// <param name="Last">Its last word.</param>
public sealed record EntityPrediction(string Type, string Text, int First, int Last);

/// <summary>
/// A trained classifier or regressor, ready to read texts: a model folder with or without an adapter. Safe for use by several threads: each
/// batch waits for its turn on the device (<see cref="Device.Turns"/>).
/// </summary>
public sealed class Predictor : IDisposable
{
    // Texts are grouped by length within a chunk of a stream.
    private const int ChunkTexts = 1024;

    private readonly EvaluationModel model;
    private readonly int? runLength;
    private readonly SpanOptions spans;

    private Predictor(Architecture architecture, Tokenizer tokenizer, EvaluationModel model, int? runLength, SpanOptions spans)
    {
        this.model = model;
        this.runLength = runLength;
        this.spans = spans;
        Architecture = architecture;
        Tokenizer = tokenizer;
    }

    /// <summary>What computes the scores.</summary>
    public Architecture Architecture { get; }

    /// <summary>What texts are encoded with.</summary>
    public Tokenizer Tokenizer { get; }

    /// <summary>What a user should know of the weights, such as a head that no file gave.</summary>
    public IReadOnlyList<string> Notes => model.Notes;

    /// <summary>The longest text in tokens that model and tokenizer take.</summary>
    public int MaxLength => Math.Min(Architecture.MaxLength, Tokenizer.ModelMaxLength ?? Architecture.MaxLength);

    /// <summary>How many tokens of a text its run read; without a run, or where that does not say, <see cref="MaxLength"/>.</summary>
    public int ReadLength => runLength ?? MaxLength;

    /// <summary>Class names by index.</summary>
    public IReadOnlyList<string> Labels => Architecture.ModelConfig.Labels.Names;

    /// <summary>Loads a trained model.</summary>
    /// <param name="type">How its matrices are stored; null: as its run had it.</param>
    /// <exception cref="ConfigurationException">It is the run of a language model.</exception>
    /// <exception cref="ModelFileException">Files are missing or broken, or parameters are in none of them.</exception>
    public static Predictor Open(Device device, TrainedModel trained, WeightType? type = null)
    {
        trained.RequireLabels();
        return Open(
            device, trained.Model, trained.Adapter, trained.Seed, type ?? trained.Dtype, trained.Run?.MaxLength,
            trained.Run is { } run ? RunData.HeadOf(run.Task) : null, trained.Run?.Data.Spans);
    }

    /// <summary>Loads a model.</summary>
    /// <param name="modelFolder">The base model, or a fully tuned one.</param>
    /// <param name="adapterFolder">A PEFT folder, or null. A <c>config.json</c> in the folder above it, as runs write it, gives the class
    /// names.</param>
    /// <param name="seed">What an adapter's run drew parameters from that no file gives: its base model is then the same. Null: every
    /// parameter must be in the files.</param>
    /// <param name="type">How the model's matrices are stored.</param>
    /// <exception cref="ModelFileException">Files are missing or broken, or parameters are in none of them.</exception>
    public static Predictor Open(
        Device device, string modelFolder, string? adapterFolder, ulong? seed = null, WeightType type = WeightType.Auto) =>
        Open(device, modelFolder, adapterFolder, seed, type, runLength: null, head: null, spans: null);

    private static Predictor Open(
        Device device, string modelFolder, string? adapterFolder, ulong? seed, WeightType type, int? runLength, HeadKind? head,
        SpanOptions? spans)
    {
        ModelFolder folder = ModelFolder.Open(modelFolder);
        Architecture architecture = folder.CreateClassifier(adapterFolder, head ?? folder.ClassifierHead(adapterFolder));
        if (HasClasses(architecture.Head) && architecture.ModelConfig.Labels.Repeated is { } twice)
        {
            throw new ModelFileException(
                architecture.ModelConfig.FilePath,
                $"id2label calls several classes '{twice}', so that an answer would not say which is meant; give each class a name of its "
                    + "own.");
        }

        Tokenizer tokenizer = Tokenizer.Load(folder.TokenizerFolderOf(architecture, adapterFolder));
        var model = EvaluationModel.Load(device, folder, architecture, adapterFolder, seed, type);
        return new Predictor(architecture, tokenizer, model, runLength, spans ?? new SpanOptions());
    }

    private static bool HasClasses(HeadKind head) =>
        head is HeadKind.SequenceClassification or HeadKind.MultiLabelClassification or HeadKind.TokenClassification;

    /// <summary>Evaluates a labelled set.</summary>
    /// <exception cref="OperationCanceledException">Cancelled while waiting, or between two batches.</exception>
    /// <exception cref="ObjectDisposedException">The predictor or its device was disposed, before or meanwhile.</exception>
    internal EvaluationResult Evaluate(ExampleSet examples, int maxLength, int batchSize, CancellationToken cancellationToken = default)
    {
        LabelVocabulary? labels = HasClasses(Architecture.Head) ? LabelVocabulary.FromModel(Labels) : null;
        EncodedSet set = TextEncoding.Labelled(Tokenizer, Architecture, examples, maxLength, labels, spans);
        var evaluator = new Evaluator(Architecture, set, batchSize, null, examples.Files.ToString());
        return model.Evaluate(evaluator, cancellationToken) with { Notes = [.. TextEncoding.Notes(examples, set, maxLength)] };
    }

    /// <summary>Predicts texts or pairs, in their order.</summary>
    /// <param name="maxLength">Longer texts are cut to so many tokens.</param>
    /// <param name="batchSize">Texts that run together.</param>
    /// <exception cref="OperationCanceledException">Cancelled while waiting, or between two batches.</exception>
    /// <exception cref="ObjectDisposedException">The predictor or its device was disposed, before or meanwhile.</exception>
    public IReadOnlyList<Prediction> Predict(
        IReadOnlyList<(string Text, string? Pair)> texts, int maxLength, int batchSize, CancellationToken cancellationToken = default) =>
        Predict(RowsOf(texts), maxLength, batchSize, cancellationToken);

    /// <summary>Predicts rows, in their order; their labels are not read.</summary>
    /// <param name="rows">Rows without words, or without choices, where the model reads these, have them in their texts.</param>
    /// <exception cref="DataFileException">A row is not one of the model's task.</exception>
    /// <inheritdoc cref="Predict(IReadOnlyList{ValueTuple{string, string}}, int, int, CancellationToken)"/>
    internal IReadOnlyList<Prediction> Predict(
        ExampleSet rows, int maxLength, int batchSize, CancellationToken cancellationToken = default)
    {
        rows = Parted(rows);
        EncodedSet set = Encode(rows, maxLength);
        var evaluator = new Evaluator(Architecture, set, batchSize, null, rows.Files.ToString());
        return PredictionsOf(rows.Examples, set, evaluator, model.Predict(evaluator, cancellationToken));
    }

    /// <summary>Predicts a stream of texts or pairs, in their order; each answer comes when its part of the stream has been read.</summary>
    /// <param name="maxLength">Longer texts are cut to so many tokens.</param>
    /// <param name="batchSize">Texts that run together.</param>
    /// <exception cref="OperationCanceledException">Cancelled while waiting, or between two batches.</exception>
    /// <exception cref="ObjectDisposedException">The predictor or its device was disposed, before or meanwhile.</exception>
    public IEnumerable<((string Text, string? Pair) Input, Prediction Prediction)> PredictEach(
        IEnumerable<(string Text, string? Pair)> texts, int maxLength, int batchSize, CancellationToken cancellationToken = default) =>
        texts.Chunk(ChunkTexts).SelectMany(chunk => chunk.Zip(Predict(chunk, maxLength, batchSize, cancellationToken)));

    /// <summary>Predicts a stream of rows; places in messages are the rows' own.</summary>
    /// <inheritdoc cref="PredictEach(IEnumerable{ValueTuple{string, string}}, int, int, CancellationToken)"/>
    internal IEnumerable<(Example Row, Prediction Prediction)> PredictEach(
        IEnumerable<Example> rows, int maxLength, int batchSize, CancellationToken cancellationToken = default) =>
        rows.Chunk(ChunkTexts).SelectMany(chunk =>
            chunk.Zip(Predict(new ExampleSet("texts", chunk), maxLength, batchSize, cancellationToken)));

    /// <summary>
    /// As <see cref="Predict(IReadOnlyList{ValueTuple{string, string}}, int, int, CancellationToken)"/>, on the thread pool; waiting for a
    /// turn holds no thread.
    /// </summary>
    /// <inheritdoc cref="Predict(IReadOnlyList{ValueTuple{string, string}}, int, int, CancellationToken)"/>
    public Task<IReadOnlyList<Prediction>> PredictAsync(
        IReadOnlyList<(string Text, string? Pair)> texts, int maxLength, int batchSize, CancellationToken cancellationToken = default) =>
        PredictAsync(RowsOf(texts), maxLength, batchSize, cancellationToken);

    /// <summary>
    /// As <see cref="Predict(ExampleSet, int, int, CancellationToken)"/>, on the thread pool; waiting for a turn holds no thread.
    /// </summary>
    /// <inheritdoc cref="Predict(ExampleSet, int, int, CancellationToken)"/>
    internal async Task<IReadOnlyList<Prediction>> PredictAsync(
        ExampleSet rows, int maxLength, int batchSize, CancellationToken cancellationToken = default)
    {
        (ExampleSet parted, EncodedSet set) = await Task.Run(
            () =>
            {
                ExampleSet parted = Parted(rows);
                return (parted, Encode(parted, maxLength));
            },
            cancellationToken).ConfigureAwait(false);
        var evaluator = new Evaluator(Architecture, set, batchSize, null, parted.Files.ToString());
        return PredictionsOf(
            parted.Examples, set, evaluator, await model.PredictAsync(evaluator, cancellationToken).ConfigureAwait(false));
    }

    /// <summary>
    /// Frees the model. Calls that wait, and those under way at their next batch, end with an <see cref="ObjectDisposedException"/>; this
    /// returns when the last of them has ended, or at once where a callback of work on a device calls it.
    /// </summary>
    public void Dispose() => model.Dispose();

    private static ExampleSet RowsOf(IReadOnlyList<(string Text, string? Pair)> texts) =>
        ExampleSet.InMemory("texts", texts.Select(text => (text.Text, text.Pair, (string?)null)));

    /// <summary>Rows with the words or choices that the model reads, taken from their texts where they have none of their own.</summary>
    private ExampleSet Parted(ExampleSet rows) => rows with { Examples = [.. rows.Examples.Select(Parted)] };

    private Example Parted(Example row) => Architecture.Head switch
    {
        HeadKind.TokenClassification when row.Words is null => row with { Words = WordEncoding.Split(row.Text) },
        HeadKind.MultipleChoice when row.Choices is null => row.TextPair?.Split('\n') is { Length: > 1 } choices
            ? row with { Choices = choices }
            : throw row.Place.Wrong("there is a question without choices; give them as the second text of a pair, a line each."),
        HeadKind.QuestionAnswering when row.TextPair is null =>
            throw row.Place.Wrong("there is a question alone; give its context as the second text of a pair."),
        _ => row,
    };

    private EncodedSet Encode(ExampleSet rows, int maxLength) => Architecture.Head switch
    {
        HeadKind.MultipleChoice => ChoiceEncoding.Encode(Tokenizer, Architecture, rows, maxLength, labelled: false),
        HeadKind.QuestionAnswering => SpanEncoding.Encode(Tokenizer, Architecture, rows, maxLength, spans, labelled: false),
        HeadKind.TokenClassification => WordEncoding.Encode(Tokenizer, rows, maxLength, classes: null),
        _ => TextEncoding.Encode(Tokenizer, Architecture, rows, maxLength),
    };

    private IReadOnlyList<Prediction> PredictionsOf(IReadOnlyList<Example> rows, EncodedSet set, Evaluator evaluator, float[] logits)
    {
        if (set.Questions is not null)
        {
            return [.. evaluator.AnswersOf(logits).Select(answer =>
                new Prediction(null, answer.Probability, []) { Answer = answer.Text, AnswerStart = answer.Start })];
        }

        int taken = 0;
        HashSet<int> cut = [.. set.CutRows];
        var predictions = new Prediction[set.Count];
        for (int i = 0; i < predictions.Length; i++)
        {
            Prediction prediction = set.TextLengths is not null ? ChoiceOf(rows[i].Choices!, Next(logits, set.TextsPerRow, ref taken))
                : set.WordTokens is { } words ? WordsOf(rows[i].Words!, words[i], logits, ref taken)
                : PredictionOf(Next(logits, Architecture.OutputSize, ref taken));
            predictions[i] = prediction with { IsCut = cut.Contains(i) };
        }

        return predictions;
    }

    private static Prediction ChoiceOf(IReadOnlyList<string> choices, ReadOnlySpan<float> logits)
    {
        double[] scores = Softmax(logits);
        int chosen = Array.IndexOf(scores, scores.Max());
        return new Prediction(choices[chosen], scores[chosen], scores) { Choice = chosen };
    }

    private static ReadOnlySpan<float> Next(float[] logits, int columns, ref int taken) => logits.AsSpan(taken++ * columns, columns);

    private Prediction WordsOf(IReadOnlyList<string> words, int[] tokens, float[] logits, ref int taken)
    {
        var labelled = new WordPrediction[words.Count];
        for (int word = 0; word < labelled.Length; word++)
        {
            if (tokens[word] < 0)
            {
                labelled[word] = new WordPrediction(words[word], null, double.NaN);
                continue;
            }

            Prediction best = PredictionOf(Next(logits, Architecture.OutputSize, ref taken));
            labelled[word] = new WordPrediction(words[word], best.Label, best.Probability);
        }

        List<Entity> entities = EntityMetrics.Find([.. labelled.Select(word => word.Label ?? "O")]);
        double least = labelled.Where(word => word.Label is not null).Select(word => word.Probability).DefaultIfEmpty(1).Min();
        return new Prediction(null, least, [])
        {
            Words = labelled,
            Entities =
            [
                .. entities.Select(entity => new EntityPrediction(
                    entity.Type, string.Join(' ', words.Take(entity.Last + 1).Skip(entity.First)), entity.First, entity.Last)),
            ],
        };
    }

    private Prediction PredictionOf(ReadOnlySpan<float> logits)
    {
        if (Architecture.Head == HeadKind.Regression)
        {
            return new Prediction(null, logits[0], [logits[0]]);
        }

        if (Architecture.Head == HeadKind.MultiLabelClassification)
        {
            double[] each = [.. logits.ToArray().Select(logit => 1 / (1 + Math.Exp(-(double)logit)))];
            return new Prediction(null, each.Max(), each) { Labels = [.. Labels.Where((_, i) => each[i] > 0.5)] };
        }

        double[] scores = Softmax(logits);
        int best = Array.IndexOf(scores, scores.Max());
        return new Prediction(Labels[best], scores[best], scores);
    }

    private static double[] Softmax(ReadOnlySpan<float> logits)
    {
        double largest = double.NegativeInfinity;
        foreach (float logit in logits)
        {
            largest = Math.Max(largest, logit);
        }

        var scores = new double[logits.Length];
        double sum = 0;
        for (int i = 0; i < scores.Length; i++)
        {
            scores[i] = Math.Exp(logits[i] - largest);
            sum += scores[i];
        }

        return Array.ConvertAll(scores, score => score / sum);
    }
}
