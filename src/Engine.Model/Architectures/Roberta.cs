using Engine.Kernels;

namespace Engine.Model.Architectures;

/// <summary>
/// RoBERTa (Liu et al. 2019, arXiv 1907.11692): BERT with positions that count from the padding id, and other heads. XLM-RoBERTa (Conneau
/// et al. 2020, arXiv 1911.02116) is the same model with another tokenizer.
/// </summary>
internal static class Roberta
{
    public static EncoderFamily Family { get; } = new()
    {
        ModelType = "roberta",
        ClassPrefix = "Roberta",
        Prefix = "roberta.",
        PadTokenId = 1,
        CountsFromPadding = true,
        Classifier = new("classifier.dense", ActivationKind.Tanh, "classifier.out_proj", DropsInput: true),
        Choice = new("roberta.pooler.dense", ActivationKind.Tanh, "classifier", HasHiddenDropout: true),
        MaskedLm = new("lm_head.dense", "lm_head.layer_norm", "lm_head.bias", "lm_head.decoder", ActivationKind.GeluErf),
    };

    public static EncoderFamily Xlm { get; } = Family with { ModelType = "xlm-roberta", ClassPrefix = "XLMRoberta" };
}
