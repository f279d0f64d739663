using Engine.Kernels;

namespace Engine.Model.Architectures;

/// <summary>
/// MPNet (Song et al. 2020, arXiv 2004.09297), on which the sentence encoder all-mpnet-base-v2 stands: RoBERTa's positions and heads, no
/// token types, and a bias of attention by how far a key lies from its query (Raffel et al. 2020, section 2.1), one table for all layers.
/// </summary>
internal static class MpNet
{
    public static EncoderFamily Family { get; } = new()
    {
        ModelType = "mpnet",
        ClassPrefix = "MPNet",
        Prefix = "mpnet.",
        PadTokenId = 1,
        PadTokenIsFixed = true,
        CountsFromPadding = true,
        Keys = new()
        {
            TypeVocabSize = null,
            ClassifierDropout = "hidden_dropout_prob",
            RelativeBuckets = "relative_attention_num_buckets",
        },
        Modules = EncoderModules.OfBert with
        {
            Query = "attention.attn.q",
            Key = "attention.attn.k",
            Value = "attention.attn.v",
            AttentionOutput = "attention.attn.o",
            AttentionNorm = "attention.LayerNorm",
            RelativeBias = "encoder.relative_attention_bias",
        },
        Classifier = new("classifier.dense", ActivationKind.Tanh, "classifier.out_proj", DropsInput: true),
        Choice = new("mpnet.pooler.dense", ActivationKind.Tanh, "classifier"),
        MaskedLm = new("lm_head.dense", "lm_head.layer_norm", "lm_head.bias", "lm_head.decoder", ActivationKind.GeluErf),
    };
}
