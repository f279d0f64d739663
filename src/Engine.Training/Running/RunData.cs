using Engine.Common.Files;
using Engine.Model;
using Engine.Model.Batching;
using Engine.Model.Architectures;
using Engine.Model.HuggingFace;
using Engine.Model.Peft;
using Engine.Tokenizers;
using Engine.Optim;
using Engine.Training.Configuration;
using Engine.Training.Data;

namespace Engine.Training.Running;

/// <summary>A run's model description and data, read and encoded, before any device memory is taken.</summary>
internal sealed class RunData : IDisposable
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

    /// <summary>The file that each training row is from; null for language models, whose rows are not those of the files.</summary>
    internal IReadOnlyList<string>? RowFiles { get; private init; }

    /// <summary>
    /// How conversations and the like are laid out, the run file's choice or what holds without one; null where there are none.
    /// </summary>
    public ChatTemplateChoice? Layout { get; private init; }

    /// <summary>Reads everything the run file names.</summary>
    public static RunData Load(RunConfiguration run)
    {
        run = run.Resolve();
        RequireFiles(run);
        ModelFolder folder = OpenModel(run);
        if (run.Data.IsPrebatched)
        {
            return Prebatched(run, folder);
        }

        // Reading a tokenizer takes long where its vocabulary is large: meanwhile the data is read.
        Task<Tokenizer> tokenizer = Task.Run(folder.LoadTokenizer);
        return run.Task == TaskKind.MaskedLanguageModel ? Texts(run, folder, tokenizer)
            : run.Task == TaskKind.CausalLanguageModel ? Causal(run, folder, tokenizer)
            : Labelled(run, folder, tokenizer);
    }

    public void Dispose() => Train.Dispose();

    /// <summary>Sees that a run file's paths of data are there, so that what is missing is said with its key.</summary>
    private static void RequireFiles(RunConfiguration run)
    {
        foreach ((string key, DataFiles? files) in new[] { ("data.train", run.Data.Train), ("data.validation", run.Data.Validation) })
        {
            if (run.Places.IsFile && files?.Paths.FirstOrDefault(path => !Path.Exists(path)) is { } absent)
            {
                var error = new DataFileException(absent, "the file does not exist.");
                throw error.Saying($"{run.Places.Of(key)}: {error.Message}");
            }
        }
    }

    /// <summary>Opens a run's model folder; one that a run file names and that is not there is said with its key.</summary>
    /// <exception cref="ModelFileException">There is no such folder, or it is no model.</exception>
    public static ModelFolder OpenModel(RunConfiguration run)
    {
        try
        {
            return ModelFolder.Open(run.Model);
        }
        catch (ModelFileException error) when (run.Places.IsFile && !Directory.Exists(run.Model))
        {
            throw error.Saying($"{run.Places.Of("model")}: {error.Message}");
        }
    }

    private static RunData Prebatched(RunConfiguration run, ModelFolder folder)
    {
        Architecture architecture = ArchitectureOf(run, folder, tokenizer: null, HeadOf(run.Task));
        return new RunData(
            folder, architecture, null,
            new PrebatchedFile(run.Data.Train.Paths.Single(), architecture, run.Method?.Form?.CountsPadding == true), null);
    }

    private static RunData Texts(RunConfiguration run, ModelFolder folder, Task<Tokenizer> tokenizer)
    {
        Architecture architecture = ArchitectureOf(run, folder, tokenizer, HeadKind.MaskedLm);
        (ExampleSet examples, ExampleSet? heldOut) = run.ReadExamples();
        var encoder = new RunEncoder(run, folder, architecture, tokenizer);
        EncodedSet train = encoder.Examples(examples, null);
        Evaluator? validation = encoder.Validation(heldOut, labels: null);
        var batches = new SampledBatches(run.Data.Train.ToString(), train, Sampler(run, train.Lengths), encoder.Masker);
        return new RunData(folder, architecture, encoder.Tokenizer, batches, validation) { Notes = encoder.Notes };
    }

    private static RunData Causal(RunConfiguration run, ModelFolder folder, Task<Tokenizer> tokenizer)
    {
        Architecture architecture = ArchitectureOf(run, folder, tokenizer, HeadKind.CausalLm);
        (CausalRecordSet records, CausalRecordSet? heldOut) = run.ReadRecords();
        var encoder = new RunEncoder(run, folder, architecture, tokenizer);
        EncodedSet train = encoder.Records(records);
        List<string> packed = [];
        IReadOnlyList<int[]>? packs = run.Packing ? SamplePacker.Pack(train.Lengths, encoder.MaxLength) : null;
        if (packs is not null)
        {
            double full = train.Lengths.Sum(length => (double)length) / ((long)packs.Count * encoder.MaxLength);
            packed.Add(
                FormattableString.Invariant(
                    $"Packed {train.Count} samples into {packs.Count} rows of at most {encoder.MaxLength} tokens, {full:P0} full."));
        }

        IReadOnlyList<int> lengths = packs is null ? train.Lengths : [.. packs.Select(pack => pack.Sum(sample => train.Lengths[sample]))];
        Evaluator? validation = encoder.Validation(heldOut);
        return new RunData(
            folder, architecture, encoder.Tokenizer,
            new SampledBatches(records.Files.ToString(), train, Sampler(run, lengths), null, packs), validation)
        {
            Notes = [.. encoder.Notes, .. packed],
            Layout = records.Kind == CausalDataKind.Text ? null : run.ChatTemplate ?? ChatTemplateChoices.Default(records.Kind),
        };
    }

    private static RunData Labelled(RunConfiguration run, ModelFolder folder, Task<Tokenizer> tokenizer)
    {
        (ExampleSet examples, ExampleSet? heldOut) = run.ReadExamples();
        LabelVocabulary? labels = run.Task.HasClasses()
            ? LabelVocabulary.Build(examples, run.Data.Labels, folder.Config.Labels.Names)
            : null;
        Architecture architecture =
            ArchitectureOf(run, folder, tokenizer, HeadOf(run.Task), labels is null ? null : new LabelSet(labels.Names));
        var encoder = new RunEncoder(run, folder, architecture, tokenizer);
        EncodedSet train = encoder.Train(examples, labels);
        Evaluator? validation = encoder.Validation(heldOut, labels, examples);
        var batches = new SampledBatches(examples.Files.ToString(), train, Sampler(run, train.Lengths), null);
        return new RunData(folder, architecture, encoder.Tokenizer, batches, validation)
        {
            Notes = encoder.Notes,
            Classes = encoder.Classes,
            RowFiles = train.Questions is { } questions
                ? [.. questions.Windows.Select(window => questions.Examples[window.Example].Place.Path)]
                : [.. examples.Examples.Select(example => example.Place.Path)],
        };
    }

    /// <summary>
    /// The model as the run trains it: with the tokenizer's vocabulary where the run resizes it, and as its adapter needs it.
    /// </summary>
    private static Architecture ArchitectureOf(
        RunConfiguration run, ModelFolder folder, Task<Tokenizer>? tokenizer, HeadKind head, LabelSet? labels = null)
    {
        Architecture architecture = CreateArchitecture(run, folder, head, labels);
        if (run.ResizeTokenEmbeddings && (tokenizer?.GetAwaiter().GetResult() ?? folder.LoadTokenizer()).VocabularySize is var tokens
            && tokens > architecture.VocabularySize)
        {
            architecture = AdaptedArchitecture.WithVocabulary(architecture, tokens);
        }

        architecture = ModelFolder.Adapted(architecture, run.Adapter?.Init);
        return AdapterChoice.Of(run, architecture.ModelConfig) is { } adapter
            ? AdaptedArchitecture.For(architecture, adapter)
            : architecture;
    }

    /// <summary>The model of a run's task as its folder has it; vectors of texts are made as the folder says.</summary>
    internal static Architecture CreateArchitecture(RunConfiguration run, ModelFolder folder, HeadKind head, LabelSet? labels = null) =>
        run.Task == TaskKind.SentenceSimilarity
            ? folder.CreateEmbedding(new SentenceTraining(
                SentenceSettings.Read(folder.FolderPath).Pooling, run.Data.Label is null ? HeadKind.Ranking : HeadKind.Similarity,
                (float)run.SimilarityScale))
            : folder.CreateArchitecture(head, labels);

    /// <summary>What a task asks of a model.</summary>
    internal static HeadKind HeadOf(TaskKind task) => task switch
    {
        TaskKind.SequenceClassification => HeadKind.SequenceClassification,
        TaskKind.Regression => HeadKind.Regression,
        TaskKind.MaskedLanguageModel => HeadKind.MaskedLm,
        TaskKind.CausalLanguageModel => HeadKind.CausalLm,
        TaskKind.TokenClassification => HeadKind.TokenClassification,
        TaskKind.MultiLabelClassification => HeadKind.MultiLabelClassification,
        TaskKind.QuestionAnswering => HeadKind.QuestionAnswering,
        TaskKind.MultipleChoice => HeadKind.MultipleChoice,
        TaskKind.SentenceSimilarity => HeadKind.Ranking,
        _ => throw new ArgumentOutOfRangeException(nameof(task), task, "unknown task"),
    };

    private static LengthBucketedSampler Sampler(RunConfiguration run, IReadOnlyList<int> lengths) => new(
        lengths, run.PerDeviceTrainBatchSize, run.Seed, run.GroupByLength ? LengthBucketedSampler.DefaultWindow : 1);
}
