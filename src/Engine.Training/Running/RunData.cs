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

    /// <summary>What a user should know of the data: texts that were cut, dropped, empty or packed, and what of it is odd.</summary>
    public IReadOnlyList<string> Notes { get; private init; } = [];

    /// <summary>The classes with their training rows; empty for other tasks than classification.</summary>
    public IReadOnlyList<ClassCount> Classes { get; private init; } = [];

    /// <summary>How conversations and the like are laid out, the run file's choice or what holds without one; null where there are none.</summary>
    public ChatTemplateChoice? Layout { get; private init; }

    /// <summary>Reads everything the run file names.</summary>
    public static RunData Load(RunConfiguration run)
    {
        ModelFolder folder = ModelFolder.Open(run.Model);
        return run.Data.Formats.Contains(DataFileFormat.Prebatched) ? Prebatched(run, folder)
            : run.Task == TaskKind.MaskedLanguageModel ? Texts(run, folder)
            : run.Task == TaskKind.CausalLanguageModel ? Causal(run, folder)
            : Labelled(run, folder);
    }

    public void Dispose() => Train.Dispose();

    private static RunData Prebatched(RunConfiguration run, ModelFolder folder)
    {
        Architecture architecture = folder.CreateArchitecture(HeadOf(run.Task));
        return new RunData(folder, architecture, null, new PrebatchedFile(run.Data.Train.Paths.Single(), architecture), null);
    }

    private static RunData Texts(RunConfiguration run, ModelFolder folder)
    {
        Architecture architecture = folder.CreateArchitecture(HeadKind.MaskedLm);
        var encoder = new RunEncoder(run, folder, architecture);
        EncodedSet train = encoder.Examples(run.Data.ReadTrain(), null);
        Evaluator? validation = encoder.Validation(null);
        var batches = new SampledBatches(run.Data.Train.ToString(), train, Sampler(run, train.Lengths), encoder.Masker);
        return new RunData(folder, architecture, encoder.Tokenizer, batches, validation) { Notes = encoder.Notes };
    }

    private static RunData Causal(RunConfiguration run, ModelFolder folder)
    {
        Architecture architecture = folder.CreateArchitecture(HeadKind.CausalLm);
        var encoder = new RunEncoder(run, folder, architecture);
        CausalRecordSet records = run.Data.ReadTrainRecords();
        EncodedSet train = encoder.Records(records);
        List<string> packed = [];
        IReadOnlyList<int[]>? packs = run.Packing ? SamplePacker.Pack(train.Lengths, encoder.MaxLength) : null;
        if (packs is not null)
        {
            double full = train.Lengths.Sum(length => (double)length) / ((long)packs.Count * encoder.MaxLength);
            packed.Add(FormattableString.Invariant($"Packed {train.Count} samples into {packs.Count} rows of at most {encoder.MaxLength} tokens, {full:P0} full."));
        }

        IReadOnlyList<int> lengths = packs is null ? train.Lengths : [.. packs.Select(pack => pack.Sum(sample => train.Lengths[sample]))];
        Evaluator? validation = encoder.Validation(null);
        return new RunData(folder, architecture, encoder.Tokenizer, new SampledBatches(records.Files.ToString(), train, Sampler(run, lengths), null, packs), validation)
        {
            Notes = [.. encoder.Notes, .. packed],
            Layout = records.Kind == CausalDataKind.Text ? null : run.ChatTemplate ?? ChatTemplateChoices.Default(records.Kind),
        };
    }

    private static RunData Labelled(RunConfiguration run, ModelFolder folder)
    {
        ExampleSet examples = run.Data.ReadTrain();
        LabelVocabulary? labels = run.Task == TaskKind.Regression
            ? null
            : LabelVocabulary.Build(examples, run.Data.Labels, folder.Config.Labels.Names);
        Architecture architecture = folder.CreateArchitecture(HeadOf(run.Task), labels is null ? null : new LabelSet(labels.Names));
        var encoder = new RunEncoder(run, folder, architecture);
        EncodedSet train = encoder.Train(examples, labels);
        Evaluator? validation = encoder.Validation(labels, examples);
        var batches = new SampledBatches(examples.Files.ToString(), train, Sampler(run, train.Lengths), null);
        return new RunData(folder, architecture, encoder.Tokenizer, batches, validation) { Notes = encoder.Notes, Classes = encoder.Classes };
    }

    /// <summary>What a task asks of a model.</summary>
    internal static HeadKind HeadOf(TaskKind task) => task switch
    {
        TaskKind.SequenceClassification => HeadKind.SequenceClassification,
        TaskKind.Regression => HeadKind.Regression,
        TaskKind.MaskedLanguageModel => HeadKind.MaskedLm,
        TaskKind.CausalLanguageModel => HeadKind.CausalLm,
        _ => throw new ArgumentOutOfRangeException(nameof(task), task, "unknown task"),
    };

    private static LengthBucketedSampler Sampler(RunConfiguration run, IReadOnlyList<int> lengths) => new(
        lengths, run.PerDeviceTrainBatchSize, run.Seed, run.GroupByLength ? LengthBucketedSampler.DefaultWindow : 1);
}
