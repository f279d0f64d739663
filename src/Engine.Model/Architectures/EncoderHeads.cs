using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Model.Building;
using Engine.Model.HuggingFace;

namespace Engine.Model.Architectures;

/// <summary>How one vector is made of a text's hidden states.</summary>
internal enum TextPooling
{
    /// <summary>The mean over the text's tokens, special ones included.</summary>
    Mean,

    /// <summary>The first token's hidden state.</summary>
    FirstToken,
}

/// <summary>How vectors of texts are made, and what they are trained for.</summary>
/// <param name="Kind">Embedding: nothing, they are made alone; Ranking or Similarity.</param>
/// <param name="Scale">Ranking: what cosines are multiplied by.</param>
internal sealed record SentenceTraining(TextPooling Pooling, HeadKind Kind = HeadKind.Embedding, float Scale = 20);

/// <summary>What an encoder's hidden states end in.</summary>
internal abstract class EncoderHead(EncoderConfig config)
{
    /// <summary>What the name of Transformers' class ends with, such as <c>ForMaskedLM</c>.</summary>
    public abstract string ClassSuffix { get; }

    /// <summary>What is predicted; null: what the configuration's labels are.</summary>
    public abstract HeadKind? Kind { get; }

    /// <inheritdoc cref="Architecture.OutputModule"/>
    public abstract string? OutputModule { get; }

    /// <summary>Columns of the logits.</summary>
    public abstract int OutputSize { get; }

    /// <inheritdoc cref="Architecture.SimilarityScale"/>
    public virtual float SimilarityScale => 1;

    /// <summary>The head's linear layers, in definition order.</summary>
    public abstract IReadOnlyList<LinearSpec> Linears { get; }

    public virtual IEnumerable<ParameterSpec> Parameters => Linears.SelectMany(ParameterSpec.Linear);

    public virtual IReadOnlyList<ParameterAlias> Aliases => [];

    protected EncoderConfig Config => config;

    /// <summary>Adds the head to the graph; x are the last hidden states [tokens, hidden].</summary>
    public abstract ModelOutput Build(ForwardBuilder forward, Tensor x);
}

/// <summary>A class, or a number, for each text by its first token (<see cref="PooledModules"/>).</summary>
internal class EncoderClassifier(EncoderConfig config, PooledModules modules) : EncoderHead(config)
{
    public override string ClassSuffix => "ForSequenceClassification";

    public override HeadKind? Kind => null;

    public override string? OutputModule => modules.Output;

    public override int OutputSize => Config.Model.Labels.Count;

    public override IReadOnlyList<LinearSpec> Linears =>
    [
        new(modules.Dense, Config.HiddenSize, Config.HiddenSize),
        new(modules.Output, OutputSize, Config.HiddenSize),
    ];

    public override ModelOutput Build(ForwardBuilder forward, Tensor x)
    {
        float dropout = modules.HasHiddenDropout ? Config.HiddenDropoutProb : Config.ClassifierDropout;
        Tensor first = forward.TakeSelected(x);
        Tensor input = modules.DropsInput ? forward.Dropout(first, dropout) : first;
        Tensor pooled = forward.Graph.Activate(forward.Linear(input, modules.Dense), modules.Activation);
        return new ModelOutput.Logits(forward.Linear(forward.Dropout(pooled, dropout), modules.Output));
    }
}

/// <summary>A number for each of several texts, of which the largest is chosen.</summary>
internal sealed class EncoderChoiceHead(EncoderConfig config) : EncoderClassifier(config, config.Family.Choice)
{
    public override string ClassSuffix => "ForMultipleChoice";

    public override HeadKind? Kind => HeadKind.MultipleChoice;

    public override int OutputSize => 1;
}

/// <summary>A class for each token: dropout and a linear layer on every hidden state.</summary>
internal sealed class EncoderTokenClassifier(EncoderConfig config) : EncoderHead(config)
{
    private const string Output = "classifier";

    public override string ClassSuffix => "ForTokenClassification";

    public override HeadKind? Kind => HeadKind.TokenClassification;

    public override string? OutputModule => Output;

    public override int OutputSize => Config.Model.Labels.Count;

    public override IReadOnlyList<LinearSpec> Linears => [new(Output, OutputSize, Config.HiddenSize)];

    public override ModelOutput Build(ForwardBuilder forward, Tensor x) => new ModelOutput.Logits(
        forward.Linear(forward.Dropout(forward.TakeSelected(x), Config.TokenClassifierDropout), Output));
}

/// <summary>Two numbers for each token: how well an answer starts, and ends, there.</summary>
internal sealed class EncoderSpanHead(EncoderConfig config) : EncoderHead(config)
{
    private const string Output = "qa_outputs";

    public override string ClassSuffix => "ForQuestionAnswering";

    public override HeadKind? Kind => HeadKind.QuestionAnswering;

    public override string? OutputModule => Output;

    public override int OutputSize => 2;

    public override IReadOnlyList<LinearSpec> Linears => [new(Output, OutputSize, Config.HiddenSize)];

    public override ModelOutput Build(ForwardBuilder forward, Tensor x) =>
        new ModelOutput.Logits(forward.Linear(forward.Dropout(x, Config.SpanDropout), Output));
}

/// <summary>A vocabulary entry for each masked token (<see cref="VocabularyModules"/>).</summary>
internal sealed class EncoderVocabularyHead(EncoderConfig config) : EncoderHead(config.RequireTied())
{
    private readonly VocabularyModules modules = config.Family.MaskedLm;

    public override string ClassSuffix => "ForMaskedLM";

    public override HeadKind? Kind => HeadKind.MaskedLm;

    public override string? OutputModule => null;

    public override int OutputSize => Config.VocabSize;

    public override IReadOnlyList<LinearSpec> Linears => [new(modules.Dense, Config.HiddenSize, Config.HiddenSize)];

    public override IReadOnlyList<ParameterAlias> Aliases => [new($"{modules.Decoder}.weight", $"{Config.WordEmbeddings}.weight")];

    public override IEnumerable<ParameterSpec> Parameters =>
    [
        new(modules.Bias, new Shape(OutputSize), ParameterInitialization.Zeros) { Decays = false, RowPerToken = true },
        .. base.Parameters,
        .. ParameterSpec.LayerNorm(modules.Norm, Config.HiddenSize),
    ];

    public override ModelOutput Build(ForwardBuilder forward, Tensor x)
    {
        x = forward.Graph.Activate(forward.Linear(forward.TakeSelected(x), modules.Dense), modules.Activation ?? Config.Activation);
        return new ModelOutput.VocabularyHead(
            forward.LayerNorm(x, modules.Norm, Config.LayerNormEps), forward.Parameter($"{Config.WordEmbeddings}.weight"),
            forward.Parameter(modules.Bias), forward.TrainedRows(Config.WordEmbeddings));
    }
}

/// <summary>No head: each text's hidden states are pooled to one vector (Reimers and Gurevych 2019, arXiv 1908.10084).</summary>
internal sealed class EncoderPooling(EncoderConfig config, SentenceTraining sentences) : EncoderHead(config)
{
    public override string ClassSuffix => "Model";

    public override HeadKind? Kind => sentences.Kind;

    public override float SimilarityScale => sentences.Scale;

    public override string? OutputModule => null;

    public override int OutputSize => Config.HiddenSize;

    public override IReadOnlyList<LinearSpec> Linears => [];

    public override ModelOutput Build(ForwardBuilder forward, Tensor x) => new ModelOutput.Logits(forward.Pool(x, sentences.Pooling));
}
