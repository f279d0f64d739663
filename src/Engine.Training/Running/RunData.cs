using Engine.Model;
using Engine.Model.Batching;
using Engine.Model.Architectures;
using Engine.Model.HuggingFace;
using Engine.Model.Tokenizers;
using Engine.Optim;
using Engine.Training.Configuration;
using Engine.Training.Data;

namespace Engine.Training.Running;

/// <summary>A run's model description and data, read and encoded, before any device memory is taken.</summary>
public sealed class RunData : IDisposable
{
    private RunData(ModelFolder folder, Architecture architecture, Tokenizer? tokenizer, BatchSource train, Evaluator? validation)
    {
        Folder = folder;
        Architecture = architecture;
        Tokenizer = tokenizer;
        Train = train;
        Validation = validation;
    }

    public ModelFolder Folder { get; }

    public Architecture Architecture { get; }

    /// <summary>The tokenizer; null for prebatched data.</summary>
    public Tokenizer? Tokenizer { get; }

    public BatchSource Train { get; }

    /// <summary>Null without validation data.</summary>
    public Evaluator? Validation { get; }

    /// <summary>What a user should know of the data: samples that were cut, dropped or packed.</summary>
    public IReadOnlyList<string> Notes { get; private init; } = [];

    /// <summary>Reads everything the run file names.</summary>
    public static RunData Load(RunConfiguration run)
    {
        return run.Data.Format == DataFileFormat.Prebatched ? Prebatched(run, ModelFolder.Open(run.Model))
            : run.Task.IsLanguageModel() ? Texts(run)
            : Labelled(run, ModelFolder.Open(run.Model));
    }

    public void Dispose() => Train.Dispose();

    private static RunData Prebatched(RunConfiguration run, ModelFolder folder)
    {
        Architecture architecture = folder.CreateArchitecture(HeadOf(run.Task));
        return new RunData(folder, architecture, null, new PrebatchedFile(run.Data.Train, architecture.Head), null);
    }

    private static RunData Texts(RunConfiguration run)
    {
        LanguageModelData data = LanguageModelData.Open(run);
        EncodedSet train = data.ReadTrain();
        List<string> packed = [];
        IReadOnlyList<int[]>? packs = run.Packing ? SamplePacker.Pack(train.Lengths, data.MaxLength) : null;
        if (packs is not null)
        {
            double full = train.Lengths.Sum(length => (double)length) / ((long)packs.Count * data.MaxLength);
            packed.Add(FormattableString.Invariant($"Packed {train.Count} samples into {packs.Count} rows of at most {data.MaxLength} tokens, {full:P0} full."));
        }

        IReadOnlyList<int> lengths = packs is null ? train.Lengths : [.. packs.Select(pack => pack.Sum(sample => train.Lengths[sample]))];
        Evaluator? validation = data.ReadValidation();
        var batches = new SampledBatches(run.Data.Train, train, Sampler(run, lengths), data.Masker, packs);
        return new RunData(data.Folder, data.Architecture, data.Tokenizer, batches, validation) { Notes = [.. packed, .. data.Notes] };
    }

    private static RunData Labelled(RunConfiguration run, ModelFolder folder)
    {
        ExampleSet examples = run.Data.ReadTrain();
        ExampleSet? validationExamples = run.Data.ReadValidation();
        LabelVocabulary? labels = run.Task == TaskKind.Regression
            ? null
            : LabelVocabulary.Build(examples, run.Data.Labels, folder.Config.Labels.Names);
        Architecture architecture = folder.CreateArchitecture(HeadOf(run.Task), labels is null ? null : new LabelSet(labels.Names));
        Tokenizer tokenizer = LoadTokenizer(folder, architecture);
        int maxLength = MaxLength(run, architecture);
        EncodedSet train = Encode(examples);
        Evaluator? validation = validationExamples is null
            ? null
            : new Evaluator(architecture, Encode(validationExamples), run.PerDeviceEvalBatchSize, null, validationExamples.Path);
        return new RunData(folder, architecture, tokenizer, new SampledBatches(examples.Path, train, Sampler(run, train.Lengths), null), validation);

        EncodedSet Encode(ExampleSet set) => TextEncoding.Encode(tokenizer, architecture, set, maxLength)
            .WithLabels(labels?.Encode(set), labels is null ? RegressionTargets.Encode(set) : null);
    }

    private static HeadKind HeadOf(TaskKind task) => task switch
    {
        TaskKind.SequenceClassification => HeadKind.SequenceClassification,
        TaskKind.Regression => HeadKind.Regression,
        TaskKind.MaskedLanguageModel => HeadKind.MaskedLm,
        TaskKind.CausalLanguageModel => HeadKind.CausalLm,
        _ => throw new ArgumentOutOfRangeException(nameof(task), task, "unknown task"),
    };

    private static LengthBucketedSampler Sampler(RunConfiguration run, IReadOnlyList<int> lengths) => new(
        lengths, run.PerDeviceTrainBatchSize, run.Seed, run.GroupByLength ? LengthBucketedSampler.DefaultWindow : 1);

    /// <summary>Loads the tokenizer and sees that it belongs to the model.</summary>
    internal static Tokenizer LoadTokenizer(ModelFolder folder, Architecture architecture)
    {
        Tokenizer tokenizer = folder.LoadTokenizer();
        return tokenizer.VocabularySize <= architecture.VocabularySize
            ? tokenizer
            : throw new TrainingException(
                $"{folder.FolderPath}: the tokenizer has {tokenizer.VocabularySize} entries, the model's word embeddings only {architecture.VocabularySize} rows; they do not belong together.");
    }

    /// <summary>Tokens of a row at most, as the run file has it or by default.</summary>
    internal static int MaxLength(RunConfiguration run, Architecture architecture)
    {
        int maxLength = run.MaxLength ?? Math.Min(architecture.MaxLength, run.Task == TaskKind.CausalLanguageModel ? 1024 : 512);
        return maxLength <= architecture.MaxLength
            ? maxLength
            : throw new ConfigurationException($"max_length is {maxLength}; the model takes at most {architecture.MaxLength} tokens.");
    }
}
