using Engine.Kernels;

namespace Engine.Model.Architectures;

/// <summary>BERT (Devlin et al. 2019, arXiv 1810.04805); its classifier reads the pooler, a dense layer with tanh.</summary>
internal static class Bert
{
    public static EncoderFamily Family { get; } = new()
    {
        ModelType = "bert",
        ClassPrefix = "Bert",
        Prefix = "bert.",
        PadTokenId = 0,
        Classifier = new("bert.pooler.dense", ActivationKind.Tanh, "classifier"),
        Choice = new("bert.pooler.dense", ActivationKind.Tanh, "classifier"),
        MaskedLm = new(
            "cls.predictions.transform.dense", "cls.predictions.transform.LayerNorm", "cls.predictions.bias", "cls.predictions.decoder"),
    };
}
