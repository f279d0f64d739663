using Engine.Common;
using Engine.Common.Keys;
using Engine.Model;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Model.Chat;
using Engine.Model.HuggingFace;
using Engine.Tokenizers;
using Engine.Optim;
using Engine.Training.Configuration;
using Engine.Training.Data;

namespace Engine.Training.Running;

/// <summary>Turns the rows of a run's data into tokens and labels, for training and for evaluation alike.</summary>
internal sealed class RunEncoder
{
    private readonly RunConfiguration run;
    private readonly ModelFolder folder;
    private readonly Architecture architecture;
    private readonly int maxLength;
    private readonly List<string> notes = [];

    /// <param name="tokenizer">The folder's tokenizer, which is perhaps still being read; null: it is read now.</param>
    public RunEncoder(RunConfiguration run, ModelFolder folder, Architecture architecture, Task<Tokenizer>? tokenizer = null)
    {
        this.run = run;
        this.folder = folder;
        this.architecture = architecture;
        Tokenizer = Checked(tokenizer is null ? folder.LoadTokenizer() : tokenizer.GetAwaiter().GetResult(), folder, architecture);
        maxLength = MaxLengthOf(run, folder, architecture, Tokenizer);
        if (run.Task == TaskKind.MaskedLanguageModel)
        {
            int mask = Tokenizer.MaskId ?? throw new TrainingException(
                $"{folder.FolderPath}: the tokenizer has no mask token, which {Setting.Of("task", "masked-lm")} needs.");
            Masker = new TokenMasker(run.Seed, run.Data.MlmProbability, mask, architecture.VocabularySize, Tokenizer.AllSpecialIds);
        }
    }

    public Tokenizer Tokenizer { get; }

    /// <summary>The longest row in tokens.</summary>
    public int MaxLength => maxLength;

    /// <summary>Masks tokens, for masked language modelling; else null.</summary>
    public TokenMasker? Masker { get; }

    /// <summary>
    /// What a user should know of the rows encoded so far: texts that were cut, dropped or empty, and what of the data is odd.
    /// </summary>
    public IReadOnlyList<string> Notes => notes;

    /// <summary>The classes with their training rows, once these are encoded; empty for other tasks.</summary>
    public IReadOnlyList<ClassCount> Classes { get; private set; } = [];

    /// <summary>The evaluation on the run's validation data; null where it has none.</summary>
    /// <param name="labels">The classes of a classification task; else null.</param>
    /// <exception cref="DataFileException">The data cannot be used.</exception>
    public Evaluator? Validation(LabelVocabulary? labels) => run.Task == TaskKind.CausalLanguageModel
        ? Validation(run.ReadValidationRecords())
        : Validation(run.ReadValidationExamples(), labels);

    /// <summary>The evaluation on labelled texts, or lines of text for masked language modelling; null for none.</summary>
    /// <param name="labels">The classes of a classification task; else null.</param>
    /// <param name="train">The labelled training data that it is held against; null where there is none.</param>
    /// <exception cref="DataFileException">The data cannot be used.</exception>
    public Evaluator? Validation(ExampleSet? examples, LabelVocabulary? labels, ExampleSet? train = null)
    {
        if (examples is null)
        {
            return null;
        }

        EncodedSet set = Examples(examples, labels);
        notes.AddRange(
            train is null ? [] : LabelledDataNotes.OfValidation(train, examples, labels is null ? null : Classes, set.ClassLabels));
        return EvaluatorOf(set, examples.Files);
    }

    /// <summary>The evaluation on a causal model's records; null for none.</summary>
    /// <exception cref="DataFileException">The data cannot be used.</exception>
    public Evaluator? Validation(CausalRecordSet? records) => records is null ? null : EvaluatorOf(Records(records), records.Files);

    /// <summary>Labelled texts to train on.</summary>
    /// <exception cref="DataFileException">A label cannot be used.</exception>
    public EncodedSet Train(ExampleSet examples, LabelVocabulary? labels)
    {
        EncodedSet set = Examples(examples, labels);
        if (labels is not null && run.Task.ReadsLists())
        {
            Classes = LabelledDataNotes.Count(labels, [.. labels.EncodeLists(examples).SelectMany(list => list)]);
        }
        else if (labels is not null)
        {
            Classes = LabelledDataNotes.Count(labels, set.ClassLabels!);
            notes.AddRange(LabelledDataNotes.OfClasses(examples, Classes, areNamed: run.Data.Labels is not null));
        }
        else if (run.Task == TaskKind.Regression)
        {
            notes.AddRange(LabelledDataNotes.OfTargets(examples, set.Targets!));
        }

        notes.AddRange(LabelledDataNotes.OfRepetitions(examples, isClassified: labels is not null && !run.Task.ReadsLists()));
        return set;
    }

    /// <summary>Texts with their labels; lines of text for masked language modelling.</summary>
    public EncodedSet Examples(ExampleSet examples, LabelVocabulary? labels)
    {
        if (run.Task == TaskKind.MaskedLanguageModel)
        {
            EncodedSet rows = TextEncoding.EncodeLines(Tokenizer, examples, maxLength, run.Data.LineByLine);
            notes.AddRange(TextEncoding.Notes(examples, rows, maxLength));
            return rows.Count > 0
                ? rows
                : throw new DataFileException(examples.Files.ToString(), "no text has a token in it; lines of text were expected.");
        }

        EncodedSet set = TextEncoding.Labelled(Tokenizer, architecture, examples, maxLength, labels, run.Data.Spans, run.Data.LabelDivisor);
        notes.AddRange(TextEncoding.Notes(examples, set, maxLength));
        return set;
    }

    /// <summary>Samples for a causal model.</summary>
    public EncodedSet Records(CausalRecordSet set)
    {
        notes.AddRange(set.Notes);
        ChatTemplate? template = (run.ChatTemplate ?? ChatTemplateChoices.Default(set.Kind)).Template(folder.FolderPath);
        notes.AddRange(ConversationNotes.NotLaidOut(set, template));
        CausalSamples samples = new CausalEncoder(Tokenizer, template, run.CompletionOnlyLoss).Encode(set, maxLength);
        if (samples.UnsureAnswers > 0)
        {
            notes.Add(ConversationNotes.Unsure(set, samples.UnsureAnswers));
        }

        if (samples.Cut > 0)
        {
            notes.Add(
                $"{set.Files}: {samples.Cut} of {set.Records.Count} samples are longer than {Setting.Of("max_length")} ({maxLength} "
                    + "tokens) and were "
                    + $"cut at the end.");
        }

        if (samples.Dropped > 0)
        {
            notes.Add(
                $"{set.Files}: {samples.Dropped} of {set.Records.Count} samples were left out: no token of an answer is left of them.");
        }

        return samples.Rows;
    }

    private Evaluator EvaluatorOf(EncodedSet set, DataFiles files) =>
        new(architecture, set, run.PerDeviceEvalBatchSize, Masker, files.ToString());

    private static Tokenizer Checked(Tokenizer tokenizer, ModelFolder folder, Architecture architecture) =>
        tokenizer.VocabularySize <= architecture.VocabularySize
            ? tokenizer
            : throw new TrainingException(
                $"{folder.FolderPath}: the tokenizer has {tokenizer.VocabularySize} entries, "
                    + $"the model's word embeddings only {architecture.VocabularySize} rows. "
                + $"If tokens were added to the tokenizer, {Setting.Of("resize_token_embeddings", "true")} gives them rows; "
                + "otherwise tokenizer and model do not belong together.");

    private static int MaxLengthOf(RunConfiguration run, ModelFolder folder, Architecture architecture, Tokenizer tokenizer)
    {
        int longest = Math.Min(architecture.MaxLength, tokenizer.ModelMaxLength ?? int.MaxValue);
        int maxLength = run.MaxLength ?? Math.Min(longest, run.Task switch
        {
            TaskKind.SentenceSimilarity => SentenceSettings.Read(folder.FolderPath).MaxLength ?? 512,
            TaskKind.CausalLanguageModel => 1024,
            TaskKind.QuestionAnswering => 384,
            _ => 512,
        });
        return maxLength <= architecture.MaxLength
            ? maxLength
            : throw new ConfigurationException($"{Setting.Of("max_length")} is {maxLength}; the model takes at most "
                + $"{architecture.MaxLength} tokens.");
    }
}
