using Engine.Graph;
using Engine.Model.Building;
using Engine.Model.HuggingFace;

namespace Engine.Model.Architectures;

/// <summary>An encoder of any <see cref="EncoderFamily"/> with a head.</summary>
internal sealed class EncoderModel(EncoderConfig config, EncoderHead head) : Architecture
{
    private readonly EncoderStack stack = new(config);

    public override string Name => $"{config.Family.ClassPrefix}{head.ClassSuffix}";

    internal override HeadKind Head => head.Kind ?? SequenceHead;

    internal override ModelConfig ModelConfig => config.Model;

    public override string BasePrefix => config.Family.Prefix;

    internal override IReadOnlyList<ParameterSpec> Parameters =>
        [.. stack.Parameters(), .. head.Parameters.Select(spec => spec with { Head = true })];

    internal override IReadOnlyList<ParameterAlias> Aliases => head.Aliases;

    internal override IReadOnlyList<IReadOnlyList<LinearSpec>> LinearGroups =>
        [.. stack.LinearGroups(), .. head.Linears.Select(linear => new[] { linear })];

    public override string InputEmbeddings => config.WordEmbeddings;

    public override int? EmbeddingPaddingId => config.PadTokenId;

    public override string? OutputModule => head.OutputModule;

    public override int HiddenSize => config.HiddenSize;

    public override int VocabularySize => config.VocabSize;

    public override int NumLayers => config.NumHiddenLayers;

    public override int OutputSize => head.OutputSize;

    internal override float SimilarityScale => head.SimilarityScale;

    public override int MaxLength => config.MaxTokens;

    public override int TypeVocabularySize => config.TypeVocabSize;

    public override int PadTokenId => config.PadTokenId;

    public override float InitializerRange => config.InitializerRange;

    internal override IReadOnlyList<int> RelativeBuckets => stack.RelativeBuckets;

    /// <summary>
    /// Where positions count from the first token that is no padding, only a head on the first token reads a column (RoBERTa).
    /// </summary>
    public override bool NeedsTextFirst => !config.Family.CountsFromPadding || !Head.PredictsTokens();

    public override void FillPositions(ReadOnlySpan<int> inputIds, Span<int> positions)
    {
        if (!config.Family.CountsFromPadding)
        {
            base.FillPositions(inputIds, positions);
            return;
        }

        int next = config.PadTokenId + 1;
        for (int i = 0; i < inputIds.Length; i++)
        {
            positions[i] = inputIds[i] == config.PadTokenId ? config.PadTokenId : next++;
        }
    }

    internal override ModelOutput Build(ForwardBuilder forward) => head.Build(forward, stack.Build(forward));
}
