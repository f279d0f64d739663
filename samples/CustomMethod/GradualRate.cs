using Engine.Common.Keys;
using Engine.Graph;
using Engine.Optim.Methods;

namespace CustomMethod;

/// <summary>
/// Layers near the input learn more slowly (ULMFiT's discriminative fine-tuning, Howard and Ruder 2018, arXiv 1801.06146): the learning
/// rate of layer l of L is multiplied by decay^(L - 1 - l).
/// </summary>
public sealed record GradualRate : Method
{
    public override string Name => "gradual-rate";

    /// <summary>What the learning rate of a layer is multiplied by to give that of the layer below.</summary>
    [Key(Minimum = 0, Above = true, Maximum = 1)]
    public double Decay { get; init; } = 0.7;

    protected override TrainingMethod Create() => new Plugin(this);

    private sealed class Plugin(GradualRate settings) : TrainingMethod
    {
        public override string Name => settings.Name;

        public override MethodRole Role => MethodRole.LearningRate;

        public override double LearningRateRatio(Variable tensor)
        {
            // roberta.encoder.layer.3.attention.self.query.lora_A.weight, model.layers.3.self_attn.q_proj.lora_A.weight. The embeddings are
            // below the first layer; the head learns at the full rate.
            string[] parts = tensor.Name.Split('.');
            int at = Array.FindIndex(parts, part => part is "layer" or "layers");
            bool isEmbedding = tensor.Name.StartsWith(Context.Model.Architecture.InputEmbeddings, StringComparison.Ordinal);
            int? layer = at >= 0 ? int.Parse(parts[at + 1]) : isEmbedding ? -1 : null;
            return layer is null ? 1 : Math.Pow(settings.Decay, Context.Model.Architecture.NumLayers - 1 - layer.Value);
        }
    }
}
