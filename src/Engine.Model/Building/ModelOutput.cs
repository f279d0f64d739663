using Engine.Graph;
using Engine.Graph.Operators;

namespace Engine.Model.Building;

/// <summary>What a model's forward pass ends in.</summary>
internal abstract record ModelOutput
{
    private ModelOutput()
    {
    }

    /// <summary>Logits that are always computed: classes, a number, or a vocabulary head with an adapter on it.</summary>
    /// <param name="Values">[places, output size].</param>
    public sealed record Logits(Tensor Values) : ModelOutput;

    /// <summary>
    /// Logits = hidden W^T + bias over a vocabulary, left to whoever reads them: they are many times larger than the hidden rows,
    /// and a loss does not need all of them at once.
    /// </summary>
    /// <param name="Hidden">[places, hidden].</param>
    /// <param name="Weight">[vocabulary, hidden]; the input embeddings where they are tied.</param>
    /// <param name="Bias">[vocabulary], or null.</param>
    /// <param name="Trained">Rows of a frozen weight that are trained, or null.</param>
    public sealed record VocabularyHead(Tensor Hidden, Tensor Weight, Tensor? Bias = null, TrainedRows? Trained = null) : ModelOutput
    {
        /// <summary>Logits z are cap tanh(z / cap); 0 for no cap.</summary>
        public float SoftCap { get; init; }
    }

    /// <summary>Adds what computes the logits, [places, output size].</summary>
    public Tensor ToLogits(GraphBuilder graph) => this switch
    {
        VocabularyHead { SoftCap: > 0 } head => graph.SoftCap(graph.Linear(head.Hidden, head.Weight, head.Bias), head.SoftCap),
        VocabularyHead head => graph.Linear(head.Hidden, head.Weight, head.Bias),
        Logits logits => logits.Values,
        _ => throw new NotSupportedException($"{GetType().Name} has no logits."),
    };
}
