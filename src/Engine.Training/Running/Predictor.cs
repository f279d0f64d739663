using Engine.Devices;
using Engine.Kernels;
using Engine.Model;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Model.Execution;
using Engine.Model.HuggingFace;
using Engine.Model.Peft;
using Engine.Model.Tokenizers;
using Engine.Training.Data;

namespace Engine.Training.Running;

/// <summary>One text's prediction.</summary>
/// <param name="Label">The most probable class's name; null for regression.</param>
/// <param name="Probability">Its probability, or the predicted number for regression.</param>
/// <param name="Scores">Every class's probability, or the predicted number.</param>
public sealed record Prediction(string? Label, double Probability, IReadOnlyList<double> Scores);

/// <summary>A trained classifier or regressor, ready to read texts: a model folder with or without an adapter.</summary>
public sealed class Predictor : IDisposable
{
    private readonly Device device;
    private readonly TransformerModel model;
    private readonly Arena arena;

    private Predictor(Device device, Architecture architecture, Tokenizer tokenizer, TransformerModel model, IReadOnlyList<string> notes)
    {
        this.device = device;
        this.model = model;
        Architecture = architecture;
        Tokenizer = tokenizer;
        Notes = notes;
        arena = new Arena(device);
    }

    public Architecture Architecture { get; }

    public Tokenizer Tokenizer { get; }

    /// <summary>What a user should know of the weights, such as a head that no file gave.</summary>
    public IReadOnlyList<string> Notes { get; }

    /// <summary>The longest text in tokens that model and tokenizer take.</summary>
    public int MaxLength => Math.Min(Architecture.MaxLength, Tokenizer.ModelMaxLength ?? Architecture.MaxLength);

    /// <summary>Class names by index.</summary>
    public IReadOnlyList<string> Labels => Architecture.ModelConfig.Labels.Names;

    /// <summary>Loads a model.</summary>
    /// <param name="modelFolder">The base model, or a fully tuned one.</param>
    /// <param name="adapterFolder">A PEFT folder, or null. A <c>config.json</c> in the folder above it, as runs write it, gives the class names.</param>
    /// <param name="seed">What an adapter's run drew parameters from that no file gives: its base model is then the same. Null: every parameter must be in the files.</param>
    /// <param name="type">How the model's matrices are stored.</param>
    /// <exception cref="ModelFileException">Files are missing or broken, or parameters are in none of them.</exception>
    public static Predictor Open(Device device, string modelFolder, string? adapterFolder, ulong? seed = null, WeightType type = WeightType.Auto)
    {
        ModelFolder folder = ModelFolder.Open(modelFolder);
        AdapterConfig? config = adapterFolder is null ? null : AdapterConfig.Read(adapterFolder);
        Architecture architecture = folder.CreateClassifier(adapterFolder);
        var tuning = new Tuning.Frozen(config is null ? null : ModelAdapters.Tuning(architecture, config));
        var model = new TransformerModel(architecture, tuning, folder.StorageOf(type));
        try
        {
            model.Allocate(device);
            IReadOnlyList<string> notes = ModelLoading.LoadWeights(model, folder, seed, model.SavedParameters.Select(parameter => parameter.Name));
            if (adapterFolder is not null)
            {
                using AdapterFile file = AdapterFile.Read(adapterFolder);
                ModelAdapters.Load(model, file);
            }

            return new Predictor(device, architecture, folder.LoadTokenizer(), model, notes);
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>Evaluates a labelled set.</summary>
    public EvaluationResult Evaluate(ExampleSet examples, int maxLength, int batchSize)
    {
        bool regression = Architecture.Head == HeadKind.Regression;
        EncodedSet set = TextEncoding.Encode(Tokenizer, Architecture, examples, maxLength).WithLabels(
            regression ? null : LabelVocabulary.FromModel(Labels).Encode(examples), regression ? RegressionTargets.Encode(examples) : null);
        return Run(set, batchSize, examples.Path, (evaluator, run) => evaluator.Evaluate(run));
    }

    /// <summary>Predicts texts or pairs, in their order.</summary>
    public IReadOnlyList<Prediction> Predict(IReadOnlyList<(string Text, string? Pair)> texts, int maxLength, int batchSize)
    {
        var examples = new ExampleSet("input", [.. texts.Select((text, i) => new Example(text.Text, text.Pair, null, i, i + 1))]);
        EncodedSet set = TextEncoding.Encode(Tokenizer, Architecture, examples, maxLength);
        int columns = Architecture.OutputSize;
        float[] logits = Run(set, batchSize, "input", (evaluator, run) => evaluator.Predict(run));
        return [.. Enumerable.Range(0, texts.Count).Select(i => PredictionOf(logits.AsSpan(i * columns, columns)))];
    }

    public void Dispose()
    {
        arena.Dispose();
        model.Dispose();
    }

    private TResult Run<TResult>(
        EncodedSet set, int batchSize, string origin, Func<Evaluator, Func<RaggedBatch, string, ModelRun>, TResult> use)
    {
        var evaluator = new Evaluator(Architecture, set, batchSize, null, origin);
        using var inputs = new BatchInputs(Architecture, evaluator.Shapes.Aggregate((a, b) => a.Max(b)));
        inputs.Block.Allocate(device);
        using var runner = new ModelRunner(device, model, inputs, arena, new RunnerOptions());
        return use(evaluator, (batch, source) => runner.Run(batch, source));
    }

    private Prediction PredictionOf(ReadOnlySpan<float> logits)
    {
        if (Architecture.Head == HeadKind.Regression)
        {
            return new Prediction(null, logits[0], [logits[0]]);
        }

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

        int best = 0;
        for (int i = 0; i < scores.Length; i++)
        {
            scores[i] /= sum;
            best = scores[i] > scores[best] ? i : best;
        }

        return new Prediction(Labels[best], scores[best], scores);
    }
}
