using Engine.Graph;
using Engine.Model.Execution;

namespace Engine.Model.Architectures;

/// <summary>How Transformers initialises a parameter that no checkpoint gives.</summary>
public enum ParameterInitialization
{
    /// <summary>Normal with mean 0 and the config's <c>initializer_range</c> as deviation.</summary>
    Normal,

    Zeros,

    Ones,
}

/// <summary>One parameter of an architecture.</summary>
/// <param name="Name">Its checkpoint name.</param>
/// <param name="Shape">Its shape, weights of linear layers [out, in].</param>
/// <param name="Initialization">How it starts where no checkpoint gives it.</param>
public sealed record ParameterSpec(string Name, Shape Shape, ParameterInitialization Initialization)
{
    /// <summary>Whether AdamW's decay applies: as in Transformers' trainer, not to biases and norm weights.</summary>
    public bool Decays { get; init; } = true;

    /// <summary>Belongs to the task's head: a checkpoint may lack it, and then it is initialised.</summary>
    public bool Head { get; init; }
}

/// <summary>A linear layer that an adapter may be put on.</summary>
/// <param name="Module">Its module path; the weight is <c>Module.weight</c>.</param>
/// <param name="OutFeatures">Rows of the weight.</param>
/// <param name="InFeatures">Columns of the weight.</param>
public sealed record LinearSpec(string Module, int OutFeatures, int InFeatures);

/// <summary>What a model is asked to predict.</summary>
public enum HeadKind
{
    /// <summary>One of several classes for each text.</summary>
    SequenceClassification,

    /// <summary>A number for each text.</summary>
    Regression,

    /// <summary>A vocabulary entry for each masked token.</summary>
    MaskedLm,
}

/// <summary>
/// A model family: its parameters under their checkpoint names, and its forward pass. One file each; docs/contributing.md says how to add one.
/// </summary>
public abstract class Architecture
{
    /// <summary>The class name of Transformers, as <c>architectures</c> in config.json has it.</summary>
    public abstract string Name { get; }

    public abstract HeadKind Head { get; }

    /// <summary>Prefix of the encoder's parameter names (<c>roberta.</c>), which a folder with only the encoder leaves out.</summary>
    public abstract string BasePrefix { get; }

    /// <summary>Every parameter, in Transformers' definition order.</summary>
    public abstract IReadOnlyList<ParameterSpec> Parameters { get; }

    /// <summary>Every linear layer in definition order, those that read the same input together in one group.</summary>
    public abstract IReadOnlyList<IReadOnlyList<LinearSpec>> LinearGroups { get; }

    /// <summary>The output layer, which <c>target_modules: all-linear</c> leaves out; null where it is no linear layer of its own.</summary>
    public abstract string? OutputModule { get; }

    public abstract int HiddenSize { get; }

    public abstract int VocabularySize { get; }

    public abstract int NumLayers { get; }

    /// <summary>Columns of the logits.</summary>
    public abstract int OutputSize { get; }

    /// <summary>The longest text in tokens.</summary>
    public abstract int MaxLength { get; }

    /// <summary>Rows of the token type table; type ids must lie below.</summary>
    public abstract int TypeVocabularySize { get; }

    /// <summary>The id that fills dead places.</summary>
    public abstract int PadTokenId { get; }

    /// <summary>The deviation of freshly initialised weights.</summary>
    public abstract float InitializerRange { get; }

    /// <summary>Writes the position ids of one text.</summary>
    public abstract void FillPositions(ReadOnlySpan<int> inputIds, Span<int> positions);

    /// <summary>Builds the forward pass up to its output at the selected places.</summary>
    public abstract ModelOutput Build(ForwardBuilder forward);
}
