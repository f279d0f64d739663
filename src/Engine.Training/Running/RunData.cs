using Engine.Model;
using Engine.Model.Batching;
using Engine.Model.Architectures;
using Engine.Model.Chat;
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
        ModelFolder folder = ModelFolder.Open(run.Model);
        return run.Data.Format == DataFileFormat.Prebatched ? Prebatched(run, folder)
            : run.Task == TaskKind.MaskedLanguageModel ? Texts(run, folder)
            : run.Task == TaskKind.CausalLanguageModel ? Causal(run, folder)
            : Labelled(run, folder);
    }

    public void Dispose() => Train.Dispose();

    private static RunData Prebatched(RunConfiguration run, ModelFolder folder)
    {
        Architecture architecture = folder.CreateArchitecture(HeadOf(run.Task));
        return new RunData(folder, architecture, null, new PrebatchedFile(run.Data.Train, architecture), null);
    }

    private static RunData Texts(RunConfiguration run, ModelFolder folder)
    {
        Architecture architecture = folder.CreateArchitecture(HeadKind.MaskedLm);
        Tokenizer tokenizer = LoadTokenizer(folder, architecture);
        int maxLength = MaxLength(run, architecture);
        int mask = tokenizer.MaskId ?? throw new TrainingException(
            $"{folder.FolderPath}: the tokenizer has no mask token, which task: masked-lm needs.");
        var masker = new TokenMasker(run.Seed, run.Data.MlmProbability, mask, architecture.VocabularySize, tokenizer.AllSpecialIds);
        EncodedSet train = Rows(run.Data.ReadTrain());
        Evaluator? validation = run.Data.ReadValidation() is { } examples
            ? new Evaluator(
                architecture,
                Rows(examples),
                run.PerDeviceEvalBatchSize,
                masker,
                run.Data.Validation!)
            : null;
        return new RunData(folder, architecture, tokenizer, new SampledBatches(run.Data.Train, train, Sampler(run, train.Lengths), masker), validation);

        EncodedSet Rows(ExampleSet examples)
        {
            EncodedSet rows = TextEncoding.EncodeLines(tokenizer, examples, maxLength, run.Data.LineByLine);
            return rows.Count > 0 ? rows : throw new DataFileException(examples.Path, "no text has a token in it; lines of text were expected.");
        }
    }

    private static RunData Causal(RunConfiguration run, ModelFolder folder)
    {
        Architecture architecture = folder.CreateArchitecture(HeadKind.CausalLm);
        Tokenizer tokenizer = LoadTokenizer(folder, architecture);
        int maxLength = MaxLength(run, architecture);
        List<string> notes = [];
        CausalRecordSet records = run.Data.ReadTrainRecords();
        EncodedSet train = Encode(records);
        IReadOnlyList<int[]>? packs = run.Packing ? SamplePacker.Pack(train.Lengths, maxLength) : null;
        if (packs is not null)
        {
            double full = train.Lengths.Sum(length => (double)length) / ((long)packs.Count * maxLength);
            notes.Add(FormattableString.Invariant($"Packed {train.Count} samples into {packs.Count} rows of at most {maxLength} tokens, {full:P0} full."));
        }

        IReadOnlyList<int> lengths = packs is null ? train.Lengths : [.. packs.Select(pack => pack.Sum(sample => train.Lengths[sample]))];
        Evaluator? validation = run.Data.ReadValidationRecords() is { } held
            ? new Evaluator(architecture, Encode(held), run.PerDeviceEvalBatchSize, null, held.Path)
            : null;
        return new RunData(folder, architecture, tokenizer, new SampledBatches(records.Path, train, Sampler(run, lengths), null, packs), validation) { Notes = notes };

        EncodedSet Encode(CausalRecordSet set)
        {
            CausalSamples samples = new CausalEncoder(tokenizer, Template(run, folder, set.Kind), run.CompletionOnlyLoss).Encode(set, maxLength);
            if (samples.Cut > 0)
            {
                notes.Add($"{set.Path}: {samples.Cut} of {set.Records.Count} samples are longer than max_length ({maxLength} tokens) and were cut at the end.");
            }

            if (samples.Dropped > 0)
            {
                notes.Add($"{set.Path}: {samples.Dropped} of {set.Records.Count} samples were left out: no token of an answer is left of them.");
            }

            return samples.Rows;
        }
    }

    /// <summary>How this kind of data is laid out; null: without a chat template.</summary>
    private static ChatTemplate? Template(RunConfiguration run, ModelFolder folder, CausalDataKind kind) => run.ChatTemplate switch
    {
        null when kind != CausalDataKind.Messages => null,
        null or ChatTemplateChoice.Tokenizer => ChatTemplate.OfFolder(folder.FolderPath),
        ChatTemplateChoice.ChatMl => ChatTemplate.ChatMl,
        ChatTemplateChoice.Qwen2 => ChatTemplate.Qwen2,
        ChatTemplateChoice.Qwen25 => ChatTemplate.Qwen25,
        _ => ChatTemplate.Llama3,
    };

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

    private static Tokenizer LoadTokenizer(ModelFolder folder, Architecture architecture)
    {
        Tokenizer tokenizer = folder.LoadTokenizer();
        return tokenizer.VocabularySize <= architecture.VocabularySize
            ? tokenizer
            : throw new TrainingException(
                $"{folder.FolderPath}: the tokenizer has {tokenizer.VocabularySize} entries, the model's word embeddings only {architecture.VocabularySize} rows; they do not belong together.");
    }

    private static int MaxLength(RunConfiguration run, Architecture architecture)
    {
        int maxLength = run.MaxLength ?? Math.Min(architecture.MaxLength, run.Task == TaskKind.CausalLanguageModel ? 1024 : 512);
        return maxLength <= architecture.MaxLength
            ? maxLength
            : throw new ConfigurationException($"max_length is {maxLength}; the model takes at most {architecture.MaxLength} tokens.");
    }
}
