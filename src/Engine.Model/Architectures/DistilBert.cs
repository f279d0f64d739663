using Engine.Kernels;

namespace Engine.Model.Architectures;

/// <summary>
/// DistilBERT (Sanh et al. 2019, arXiv 1910.01108): BERT's layers without token types and pooler, under other names; nothing is dropped
/// after attention's output layer, and the classifier's activation is ReLU.
/// </summary>
internal static class DistilBert
{
    public static EncoderFamily Family { get; } = new()
    {
        ModelType = "distilbert",
        ClassPrefix = "DistilBert",
        Prefix = "distilbert.",
        PadTokenId = 0,
        Keys = new()
        {
            HiddenSize = "dim",
            Layers = "n_layers",
            Heads = "n_heads",
            IntermediateSize = "hidden_dim",
            Activation = "activation",
            HiddenDropout = "dropout",
            AttentionDropout = "attention_dropout",
            ClassifierDropout = "seq_classif_dropout",
            DefaultClassifierDropout = 0.2,
            TokenClassifierDropout = "dropout",
            SpanDropout = "qa_dropout",
            TypeVocabSize = null,
            LayerNormEps = null,
        },
        Modules = new()
        {
            Layers = "transformer.layer",
            Query = "attention.q_lin",
            Key = "attention.k_lin",
            Value = "attention.v_lin",
            AttentionOutput = "attention.out_lin",
            AttentionNorm = "sa_layer_norm",
            Inner = "ffn.lin1",
            Outer = "ffn.lin2",
            OuterNorm = "output_layer_norm",
            DropsAttentionOutput = false,
        },
        Classifier = new("pre_classifier", ActivationKind.Relu, "classifier"),
        Choice = new("pre_classifier", ActivationKind.Relu, "classifier"),
        MaskedLm = new("vocab_transform", "vocab_layer_norm", "vocab_projector.bias", "vocab_projector"),
    };
}
