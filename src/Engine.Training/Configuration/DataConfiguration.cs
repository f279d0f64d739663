using Engine.Common.Keys;
using Engine.Model.Batching;
using Engine.Training.Data;
using Engine.Training.Data.Formats;

namespace Engine.Training.Configuration;

/// <summary>The section <c>data</c>.</summary>
public sealed record DataConfiguration
{
    /// <summary>
    /// Training data: a file, a folder of data files, a pattern such as train-*.parquet, or a list of these; the files are read one after
    /// another.
    /// </summary>
    /// <remarks>A program that trains on examples of its own leaves it out.</remarks>
    [Key(Required = true, IsPath = true)]
    public DataFiles Train { get; init; } = null!;

    /// <summary>Validation data, named likewise.</summary>
    /// <value>Default: none.</value>
    [Key(IsPath = true, Default = "none")]
    public DataFiles? Validation { get; init; }

    /// <summary>
    /// Without data.validation: share of the training data's rows that are held out as validation data, drawn by seed; for
    /// sequence-classification of each class alike, with at least one row of a class left to train on.
    /// </summary>
    /// <value>Default: none.</value>
    [Key(Minimum = 0, Above = true, Maximum = 1, Below = true, Default = "none")]
    public double? ValidationSplit { get; init; }

    /// <summary>How the files are written</summary>
    /// <value>Default: by each file's ending.</value>
    [Key(Default = "by each file's ending")]
    public DataFormat? Format { get; init; }

    /// <summary>Tables of text: the first line names the columns.</summary>
    /// <value>Default: true.</value>
    [Key(Default = "true")]
    public bool? Header { get; init; }

    /// <summary>Tables of text: the character between two columns, such as ';'; \t is a tab.</summary>
    /// <value>Default: as the format has it.</value>
    [Key(Default = "as the format has it")]
    public char? Delimiter { get; init; }

    /// <summary>
    /// Column of the text: its name, or its number from 0; for token-classification that of the list of words, for question-answering
    /// and multiple-choice that of the question.
    /// </summary>
    /// <value>Default: none; token-classification: tokens; question-answering, multiple-choice: question.</value>
    [Key(Default = "none; token-classification: tokens; question-answering, multiple-choice: question")]
    public ColumnReference? Text { get; init; }

    /// <summary>
    /// Column of the second text of a pair; for question-answering that of the context, for multiple-choice that of the list of choices,
    /// for sentence-similarity that of the text that belongs to the first one.
    /// </summary>
    /// <value>Default: none; question-answering: context; multiple-choice: choices.</value>
    [Key(Default = "none; question-answering: context; multiple-choice: choices")]
    public ColumnReference? TextPair { get; init; }

    /// <summary>
    /// Column of the label; for token-classification that of the list of the words' labels, for multi-label-classification that of the list
    /// of a text's, for question-answering that of the answers (text and answer_start, as SQuAD has them), for multiple-choice
    /// that of the number of the right choice, from 0, for sentence-similarity that of the number that says how alike two texts are.
    /// </summary>
    /// <value>Default: none; token-classification: tags; question-answering: answers; multiple-choice: label.</value>
    [Key(Default = "none; token-classification: tags; question-answering: answers; multiple-choice: label")]
    public ColumnReference? Label { get; init; }

    /// <summary>sentence-similarity: columns of texts that do not belong to the first one.</summary>
    /// <value>Default: none.</value>
    [Key(Default = "none")]
    public IReadOnlyList<string>? TextNegatives { get; init; }

    /// <summary>sentence-similarity: what labels are divided by, so that they are cosines; 5 for scores from 0 to 5.</summary>
    /// <value>Default: 1.</value>
    [Key(Minimum = 0, Above = true)]
    public double LabelDivisor { get; init; } = 1;

    /// <summary>Class names in the order of the model's outputs.</summary>
    /// <value>Default: the model's where they fit, else as the training data itself orders them, else sorted.</value>
    [Key(Default = "the model's where they fit, else as the training data itself orders them, else sorted")]
    public IReadOnlyList<string>? Labels { get; init; }

    /// <summary>Read only the first rows of the training data, this many.</summary>
    /// <value>Default: all.</value>
    [Key(Minimum = 1, Default = "all")]
    public int? Limit { get; init; }

    /// <summary>The same for the validation data.</summary>
    /// <value>Default: all.</value>
    [Key(Minimum = 1, Default = "all")]
    public int? ValidationLimit { get; init; }

    /// <summary>
    /// causal-lm: what the records hold: messages (a list of role and content), sharegpt (conversations, a list of from and value),
    /// prompt-completion, prompt-completion-messages (both lists of messages), alpaca (instruction, input, output) or text.
    /// </summary>
    /// <value>Default: what their keys say.</value>
    [Key(Default = "what their keys say")]
    public CausalDataKind? Kind { get; init; }

    /// <summary>
    /// question-answering: tokens that two windows of a context share, where it is longer than max_length leaves room for.
    /// </summary>
    /// <value>Default: 128.</value>
    [Key(Minimum = 0)]
    public int DocStride { get; init; } = 128;

    /// <summary>question-answering: the longest answer in tokens.</summary>
    /// <value>Default: 30.</value>
    [Key(Minimum = 1)]
    public int MaxAnswerLength { get; init; } = 30;

    /// <summary>question-answering: contexts may have no answer, as in SQuAD 2.0, and predictions may be that there is none.</summary>
    /// <value>Default: false.</value>
    [Key]
    public bool Unanswerable { get; init; }

    /// <summary>masked-lm: every text starts a row of its own; false: texts are joined to rows of max_length.</summary>
    /// <value>Default: true.</value>
    [Key]
    public bool LineByLine { get; init; } = true;

    /// <summary>masked-lm: chance of a token to be masked.</summary>
    /// <value>Default: 0.15.</value>
    [Key(Minimum = 0, Above = true, Maximum = 1)]
    public double MlmProbability { get; init; } = 0.15;

    /// <summary>Every file of the section, those to train on first.</summary>
    public IEnumerable<string> Files => [.. Train?.Paths ?? [], .. Validation?.Paths ?? []];

    /// <summary>The files that hold what the model is evaluated on, whole or in part; null where nothing is held out.</summary>
    public DataFiles? HeldOut => Validation ?? (ValidationSplit is null ? null : Train);

    /// <summary>How the files are written: one format where all are alike, as is usual.</summary>
    /// <exception cref="DataFileException">Neither <see cref="Format"/> nor a file's ending says it.</exception>
    internal IReadOnlyList<DataFormat> Formats => [.. FormatsOf(Train).Union(Validation is null ? [] : FormatsOf(Validation))];

    /// <summary>Whether the data is tokenised already.</summary>
    /// <exception cref="DataFileException">Neither <see cref="Format"/> nor a file's ending says how a file is written.</exception>
    public bool IsPrebatched => Formats.Any(format => format.HoldsAny(DataContents.Batches));

    /// <summary>How some files are written that are read as this section says.</summary>
    /// <exception cref="DataFileException">Neither <see cref="Format"/> nor a file's ending says it.</exception>
    internal IReadOnlyList<DataFormat> FormatsOf(DataFiles files) =>
        [.. files.Paths.Select(path => DataFormats.Of(path, Format)).Distinct()];

    /// <summary>How contexts are cut into windows, and answers found in them.</summary>
    internal SpanOptions Spans => new(DocStride, MaxAnswerLength, Unanswerable);

    /// <summary>How to read a file of this run's format and columns.</summary>
    internal ExampleReaderOptions ReaderOptions(TaskKind task, int? limit = null) => new()
    {
        Task = task,
        Format = Format,
        Header = Header ?? true,
        Delimiter = Delimiter,
        Text = Text,
        TextPair = TextPair,
        TextNegatives = TextNegatives ?? [],
        Label = Label,
        Limit = limit,
    };
}
