namespace Engine.Model.Architectures;

/// <summary>
/// OLMo 2 (arXiv 2501.00656): blocks are normalized behind and not before, and queries and keys as whole rows.
/// </summary>
internal static class Olmo2
{
    public static DecoderFamily Family { get; } = new("olmo2", "Olmo2")
    {
        PadTokenId = 1,
        RmsNormEps = 1e-5,
        Layer = config => DecoderFamily.WithAttentionBias(config) with
        {
            Norms = NormPlacement.Behind,
            QueryKeyNorm = QueryKeyNorm.Rows,
        },
    };
}
