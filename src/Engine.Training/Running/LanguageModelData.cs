using Engine.Model;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Model.Chat;
using Engine.Model.Tokenizers;
using Engine.Training.Configuration;
using Engine.Training.Data;

namespace Engine.Training.Running;

/// <summary>How a run of a language model reads texts: its architecture and its tokenizer, and rows laid out and cut as the run file says.</summary>
public abstract class LanguageModelData
{
    private protected LanguageModelData(RunConfiguration run, HeadKind head)
    {
        Run = run;
        Folder = ModelFolder.Open(run.Model);
        Architecture = Folder.CreateArchitecture(head);
        Tokenizer = RunData.LoadTokenizer(Folder, Architecture);
        MaxLength = RunData.MaxLength(run, Architecture);
    }

    public ModelFolder Folder { get; }

    public Architecture Architecture { get; }

    public Tokenizer Tokenizer { get; }

    /// <summary>What a user should know of the rows read so far: samples that were cut or dropped.</summary>
    public virtual IReadOnlyList<string> Notes => [];

    /// <summary>Hides tokens of a masked language model's rows; null for a causal one.</summary>
    internal virtual TokenMasker? Masker => null;

    /// <summary>Tokens of a row at most.</summary>
    internal int MaxLength { get; }

    private protected RunConfiguration Run { get; }

    /// <summary>Opens the model's folder; no rows are read yet.</summary>
    /// <param name="run">A run with <c>task: causal-lm</c> or <c>masked-lm</c> whose data is not prebatched.</param>
    public static LanguageModelData Open(RunConfiguration run) => run.Task == TaskKind.CausalLanguageModel ? new CausalModelData(run) : new MaskedModelData(run);

    /// <summary>Reads <c>data.train</c>.</summary>
    internal abstract EncodedSet ReadTrain();

    /// <summary>Reads <c>data.validation</c>; null where the run has none.</summary>
    /// <exception cref="DataFileException">The file cannot be used.</exception>
    public Evaluator? ReadValidation() => Run.Data.Validation is { } path && ReadHeldOut() is { } rows
        ? new Evaluator(Architecture, rows, Run.PerDeviceEvalBatchSize, Masker, path)
        : null;

    private protected abstract EncodedSet? ReadHeldOut();
}

/// <summary>Texts of which some tokens are hidden.</summary>
internal sealed class MaskedModelData : LanguageModelData
{
    public MaskedModelData(RunConfiguration run)
        : base(run, HeadKind.MaskedLm)
    {
        int mask = Tokenizer.MaskId ?? throw new TrainingException($"{Folder.FolderPath}: the tokenizer has no mask token, which task: masked-lm needs.");
        Masker = new TokenMasker(run.Seed, run.Data.MlmProbability, mask, Architecture.VocabularySize, Tokenizer.AllSpecialIds);
    }

    internal override TokenMasker? Masker { get; }

    internal override EncodedSet ReadTrain() => Rows(Run.Data.ReadTrain());

    private protected override EncodedSet? ReadHeldOut() => Run.Data.ReadValidation() is { } examples ? Rows(examples) : null;

    private EncodedSet Rows(ExampleSet examples)
    {
        EncodedSet rows = TextEncoding.EncodeLines(Tokenizer, examples, MaxLength, Run.Data.LineByLine);
        return rows.Count > 0 ? rows : throw new DataFileException(examples.Path, "no text has a token in it; lines of text were expected.");
    }
}

/// <summary>Conversations, prompts with answers, instructions and texts.</summary>
internal sealed class CausalModelData(RunConfiguration run) : LanguageModelData(run, HeadKind.CausalLm)
{
    private readonly List<string> notes = [];

    public override IReadOnlyList<string> Notes => notes;

    internal override EncodedSet ReadTrain() => Encode(Run.Data.ReadTrainRecords());

    private protected override EncodedSet? ReadHeldOut() => Run.Data.ReadValidationRecords() is { } records ? Encode(records) : null;

    private EncodedSet Encode(CausalRecordSet set)
    {
        CausalSamples samples = new CausalEncoder(Tokenizer, Template(set.Kind), Run.CompletionOnlyLoss).Encode(set, MaxLength);
        if (samples.Cut > 0)
        {
            notes.Add($"{set.Path}: {samples.Cut} of {set.Records.Count} samples are longer than max_length ({MaxLength} tokens) and were cut at the end.");
        }

        if (samples.Dropped > 0)
        {
            notes.Add($"{set.Path}: {samples.Dropped} of {set.Records.Count} samples were left out: no token of an answer is left of them.");
        }

        return samples.Rows;
    }

    /// <summary>How this kind of data is laid out; null: without a chat template.</summary>
    private ChatTemplate? Template(CausalDataKind kind) => Run.ChatTemplate switch
    {
        null when kind != CausalDataKind.Messages => null,
        null or ChatTemplateChoice.Tokenizer => ChatTemplate.OfFolder(Folder.FolderPath),
        ChatTemplateChoice.ChatMl => ChatTemplate.ChatMl,
        ChatTemplateChoice.Qwen2 => ChatTemplate.Qwen2,
        ChatTemplateChoice.Qwen25 => ChatTemplate.Qwen25,
        _ => ChatTemplate.Llama3,
    };
}
