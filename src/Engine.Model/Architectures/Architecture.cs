using Engine.Graph;
using Engine.Model.Building;
using Engine.Common.Files;
using Engine.Model.HuggingFace;

namespace Engine.Model.Architectures;

/// <summary>How Transformers initialises a parameter that no checkpoint gives.</summary>
internal enum ParameterInitialization
{
    /// <summary>
    /// Normal with mean 0 and the config's <c>initializer_range</c> as deviation, or the share of it that the parameter has.
    /// </summary>
    Normal,

    Zeros,

    Ones,
}

/// <summary>One parameter of an architecture.</summary>
/// <param name="Name">Its checkpoint name.</param>
/// <param name="Shape">Its shape, weights of linear layers [out, in].</param>
/// <param name="Initialization">How it starts where no checkpoint gives it.</param>
internal sealed record ParameterSpec(string Name, Shape Shape, ParameterInitialization Initialization)
{
    /// <summary>Whether AdamW's decay applies: as in Transformers' trainer, not to biases and norm weights.</summary>
    public bool Decays { get; init; } = true;

    /// <summary>Belongs to the task's head: a checkpoint may lack it, and then it is initialised.</summary>
    public bool Head { get; init; }

    /// <summary>Has a row for each entry of the vocabulary, and so other rows where the vocabulary is another.</summary>
    public bool RowPerToken { get; init; }

    /// <summary>A matrix that checkpoints hold the other way round: [in, out], as Transformers' Conv1D does.</summary>
    public bool Transposed { get; init; }

    /// <summary>The share of <c>initializer_range</c> that is the deviation of what is drawn.</summary>
    public double Deviation { get; init; } = 1;

    /// <summary>A number that is drawn further away from 0 than so many deviations is drawn again.</summary>
    public double Cutoff { get; init; } = double.PositiveInfinity;

    /// <summary>A matrix [rows, columns], drawn from a normal distribution.</summary>
    internal static ParameterSpec Weight(string module, int rows, int columns) =>
        new($"{module}.weight", new Shape(rows, columns), ParameterInitialization.Normal);

    internal static ParameterSpec Bias(string module, int columns) =>
        new($"{module}.bias", new Shape(columns), ParameterInitialization.Zeros) { Decays = false };

    /// <summary>The scale of a normalization, which starts at one.</summary>
    internal static ParameterSpec NormWeight(string module, int columns) =>
        new($"{module}.weight", new Shape(columns), ParameterInitialization.Ones) { Decays = false };

    /// <summary>Weight and bias of a linear layer.</summary>
    internal static ParameterSpec[] Linear(LinearSpec linear) =>
        [Weight(linear.Module, linear.OutFeatures, linear.InFeatures), Bias(linear.Module, linear.OutFeatures)];

    /// <summary>Weight and bias of a layer normalization.</summary>
    internal static ParameterSpec[] LayerNorm(string module, int columns) => [NormWeight(module, columns), Bias(module, columns)];
}

/// <summary>A linear layer that an adapter may be put on.</summary>
/// <param name="Module">Its module path; the weight is <c>Module.weight</c>.</param>
/// <param name="OutFeatures">Rows of the weight.</param>
/// <param name="InFeatures">Columns of the weight.</param>
internal sealed record LinearSpec(string Module, int OutFeatures, int InFeatures);

/// <summary>What a model is asked to predict.</summary>
internal enum HeadKind
{
    /// <summary>One of several classes for each text.</summary>
    SequenceClassification,

    /// <summary>A number for each text.</summary>
    Regression,

    /// <summary>A vocabulary entry for each masked token.</summary>
    MaskedLm,

    /// <summary>The next token after each token.</summary>
    CausalLm,

    /// <summary>A class for each word, at its first token.</summary>
    TokenClassification,

    /// <summary>Any number of classes for each text.</summary>
    MultiLabelClassification,

    /// <summary>The first and the last token of an answer in each text.</summary>
    QuestionAnswering,

    /// <summary>One of several texts.</summary>
    MultipleChoice,

    /// <summary>Nothing: the model makes a vector of each text. Its loss is 0.</summary>
    Embedding,

    /// <summary>A vector of each text, by which the text that belongs to another is told from those of the batch.</summary>
    Ranking,

    /// <summary>A vector of each text, by which two texts are as alike as a number says.</summary>
    Similarity,
}

internal static class HeadKinds
{
    /// <summary>Whether there are labels and logits for tokens instead of texts.</summary>
    public static bool PredictsTokens(this HeadKind head) => head.NamesTokens() || head == HeadKind.TokenClassification;

    /// <summary>Whether there are vectors of texts, and no head.</summary>
    public static bool MakesVectors(this HeadKind head) => head is HeadKind.Embedding or HeadKind.Ranking or HeadKind.Similarity;

    /// <summary>Whether the logits are over the vocabulary, and no labels of the configuration are predicted.</summary>
    public static bool NamesTokens(this HeadKind head) => head is HeadKind.MaskedLm or HeadKind.CausalLm;

    /// <summary>What the head is for, in messages.</summary>
    public static string Task(this HeadKind head) => head switch
    {
        HeadKind.MaskedLm => "masked language modelling",
        HeadKind.CausalLm => "causal language modelling",
        HeadKind.TokenClassification => "token classification",
        HeadKind.QuestionAnswering => "question answering",
        HeadKind.MultipleChoice => "multiple choice",
        HeadKind.Embedding or HeadKind.Ranking or HeadKind.Similarity => "sentence vectors",
        _ => "classification",
    };
}

/// <summary>
/// A checkpoint tensor that is another name for a parameter, as the output layer is where it is tied to the word embeddings.
/// </summary>
/// <param name="Name">The other name, which a checkpoint may hold besides or instead.</param>
/// <param name="Parameter">The parameter.</param>
internal sealed record ParameterAlias(string Name, string Parameter);

/// <summary>
/// A model family: its parameters under their checkpoint names, and its forward pass. docs/adding-a-model.md says how to add one.
/// </summary>
public abstract class Architecture
{
    /// <summary>The class name of Transformers, as <c>architectures</c> in config.json has it.</summary>
    public abstract string Name { get; }

    internal abstract HeadKind Head { get; }

    /// <summary>The configuration the model was made from, as config.json has it.</summary>
    internal abstract ModelConfig ModelConfig { get; }

    /// <summary>Prefix of the body's parameter names (<c>roberta.</c>, <c>model.</c>), which a folder without a head leaves out.</summary>
    public abstract string BasePrefix { get; }

    /// <summary>Every parameter, in Transformers' definition order.</summary>
    internal abstract IReadOnlyList<ParameterSpec> Parameters { get; }

    /// <summary>Other names of parameters that serve in two places.</summary>
    internal virtual IReadOnlyList<ParameterAlias> Aliases => [];

    /// <summary>Every linear layer in definition order, those that read the same input together in one group.</summary>
    internal abstract IReadOnlyList<IReadOnlyList<LinearSpec>> LinearGroups { get; }

    /// <summary>The word embeddings' module, whose weight has a row for each token.</summary>
    public abstract string InputEmbeddings { get; }

    /// <summary>The token whose embedding gets no gradient, as <c>padding_idx</c> of PyTorch has it; null for none.</summary>
    public abstract int? EmbeddingPaddingId { get; }

    /// <summary>
    /// The output layer, which <c>target_modules: all-linear</c> leaves out; null where it is no linear layer of its own.
    /// </summary>
    public abstract string? OutputModule { get; }

    /// <summary>Columns of the hidden states [tokens, hidden] (<c>hidden_size</c>).</summary>
    public abstract int HiddenSize { get; }

    /// <summary>Rows of the word embeddings (<c>vocab_size</c>).</summary>
    public abstract int VocabularySize { get; }

    /// <summary>Transformer layers (<c>num_hidden_layers</c>).</summary>
    public abstract int NumLayers { get; }

    /// <summary>Columns of the logits.</summary>
    public abstract int OutputSize { get; }

    /// <summary>What cosines are multiplied by before texts are told apart by them.</summary>
    internal virtual float SimilarityScale => 1;

    /// <summary>The longest text in tokens.</summary>
    public abstract int MaxLength { get; }

    /// <summary>Rows of the token type table, below which type ids must lie; 0 for a model without one.</summary>
    public virtual int TypeVocabularySize => 0;

    /// <summary>The id that fills dead places.</summary>
    public abstract int PadTokenId { get; }

    /// <summary>The deviation of freshly initialised weights.</summary>
    public abstract float InitializerRange { get; }

    /// <summary>
    /// How heads are turned by their token's position, in the ways that layers refer to by number; empty for a model without.
    /// </summary>
    internal virtual IReadOnlyList<RotarySet> Rotaries => [];

    /// <summary>
    /// The buckets of distances by which attention's biases are looked up, as <see cref="Kernels.RelativeBiases.Buckets"/> makes them of
    /// <see cref="MaxLength"/>; empty for a model without.
    /// </summary>
    internal virtual IReadOnlyList<int> RelativeBuckets => [];

    /// <summary>Whether a token sees itself and those before it alone.</summary>
    internal virtual bool IsCausal => false;

    /// <summary>Writes the position ids of one text: 0, 1, ... unless a family counts otherwise.</summary>
    public virtual void FillPositions(ReadOnlySpan<int> inputIds, Span<int> positions)
    {
        for (int i = 0; i < inputIds.Length; i++)
        {
            positions[i] = i;
        }
    }

    /// <summary>
    /// The token that stands for a text where a head predicts one thing a text: the first, unless a family pools another.
    /// </summary>
    public virtual int PooledToken(ReadOnlySpan<int> inputIds) => 0;

    /// <summary>
    /// Whether padding before a text changes it in Transformers: where columns count as positions, or the first column stands for the text.
    /// </summary>
    public virtual bool NeedsTextFirst => false;

    /// <summary>Whether rows may keep their padding, and its hidden states and logits are those of Transformers.</summary>
    internal virtual bool ComputesPadding => true;

    /// <summary>Builds the forward pass up to its output at the selected places.</summary>
    internal abstract ModelOutput Build(ForwardBuilder forward);

    /// <summary>The kind of a sequence head: one label or <c>problem_type: regression</c> means a number, as in Transformers.</summary>
    /// <exception cref="ModelFileException">A kind of label that is not built.</exception>
    private protected HeadKind SequenceHead => ModelConfig.ProblemType switch
    {
        ProblemType.Regression when ModelConfig.Labels.Count != 1 => throw new ModelFileException(
            ModelConfig.FilePath,
            $"problem_type is regression with {ModelConfig.Labels.Count} labels; one number for each text is what is supported "
                + "(num_labels 1)."),
        ProblemType.Regression => HeadKind.Regression,
        ProblemType.SingleLabelClassification => HeadKind.SequenceClassification,
        ProblemType.MultiLabelClassification => HeadKind.MultiLabelClassification,
        _ => ModelConfig.Labels.Count == 1 ? HeadKind.Regression : HeadKind.SequenceClassification,
    };
}
