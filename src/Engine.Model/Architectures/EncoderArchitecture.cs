using Engine.Graph;
using Engine.Model.Building;
using Engine.Model.HuggingFace;

namespace Engine.Model.Architectures;

/// <summary>What the heads on a shared <see cref="EncoderStack"/> have in common.</summary>
internal abstract class EncoderArchitecture : Architecture
{
    private protected EncoderArchitecture(EncoderConfig config, string prefix)
    {
        Config = config;
        BasePrefix = prefix;
        Stack = new EncoderStack(config, prefix);
    }

    public EncoderConfig Config { get; }

    internal override ModelConfig ModelConfig => Config.Model;

    public override string BasePrefix { get; }

    internal override IReadOnlyList<ParameterSpec> Parameters =>
        [.. Stack.Parameters(), .. HeadParameters().Select(spec => spec with { Head = true })];

    internal override IReadOnlyList<IReadOnlyList<LinearSpec>> LinearGroups =>
        [.. Stack.LinearGroups(), .. HeadLinears().Select(linear => new[] { linear })];

    public override string InputEmbeddings => Stack.Embeddings;

    public override int? EmbeddingPaddingId => Config.PadTokenId;

    public override int HiddenSize => Config.HiddenSize;

    public override int VocabularySize => Config.VocabSize;

    public override int NumLayers => Config.NumHiddenLayers;

    public override int TypeVocabularySize => Config.TypeVocabSize;

    public override int PadTokenId => Config.PadTokenId;

    public override float InitializerRange => Config.InitializerRange;

    public override int MaxLength => Config.MaxTokens;

    /// <summary>RoBERTa counts positions from the first token that is no padding, so that only its classifiers read a column.</summary>
    public override bool NeedsTextFirst => Config.Family == EncoderFamily.Bert || !Head.PredictsTokens();

    private protected EncoderStack Stack { get; }

    /// <summary>The head's linear layers, in definition order.</summary>
    private protected abstract IReadOnlyList<LinearSpec> HeadLinears();

    private protected virtual IEnumerable<ParameterSpec> HeadParameters() => HeadLinears().SelectMany(ParameterSpec.Linear);
}

/// <summary>
/// RoBERTa's position ids: the first token has padding id + 1, and padding tokens have the padding id (Liu et al. 2019, arXiv 1907.11692).
/// </summary>
internal abstract class RobertaArchitecture : EncoderArchitecture
{
    private protected RobertaArchitecture(EncoderConfig config)
        : base(config, "roberta.")
    {
    }

    public override void FillPositions(ReadOnlySpan<int> inputIds, Span<int> positions)
    {
        int next = Config.PadTokenId + 1;
        for (int i = 0; i < inputIds.Length; i++)
        {
            positions[i] = inputIds[i] == Config.PadTokenId ? Config.PadTokenId : next++;
        }
    }

    private protected Tensor Encode(ForwardBuilder forward) => Stack.Build(forward, Config.PadTokenId);
}
