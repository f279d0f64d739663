using Engine.Common;
using Engine.Common.Keys;
using Engine.Devices;
using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Model.Adapters;
using Engine.Model.Execution;

namespace Engine.Optim.Methods;

/// <summary>
/// What methods share that move adapters into their base weights: on plain LoRA alone, whose product can be added to a weight, and on
/// weights in float32, since a merge is smaller than what 16 bits round.
/// </summary>
internal abstract class MergingMethod : TrainingMethod
{
    private LowRankLayers? layers;

    public override MethodRole Role => MethodRole.Merging;

    public override bool WritesBaseWeights => true;

    protected IReadOnlyList<LoraLinear> Adapters => Context.Model.Adapters;

    /// <summary>The adapters' factors, in the order of <see cref="Adapters"/>.</summary>
    protected LowRankLayers Layers => layers ?? throw new InvalidOperationException($"The method {Name} is not attached to a model yet.");

    /// <summary>What the method does to adapters, as the rest of a sentence.</summary>
    protected abstract string Does { get; }

    public override void Attach(MethodContext context)
    {
        base.Attach(context);
        IReadOnlyList<LoraLinear> adapters = AdapterRequirement.Layers(this, Does, context);
        if (adapters.Any(adapter => adapter.Magnitude is not null))
        {
            throw Refusal(
                $"method {Name} adds s B A to the base weight, and with {Setting.Of("use_dora")} the adapted weight is no such sum: its "
                + $"rows are rescaled. Set {Setting.Of("use_dora", "false")}.");
        }

        if (adapters.FirstOrDefault(adapter => adapter.Weight.Type != ElementType.Float32) is { } narrow)
        {
            throw new ArgumentException(
                $"{narrow.Weight.Name} is stored as {narrow.Weight.Type}, and method {Name} writes it: make the model with "
                + "Tuning.Lora.WritesBaseWeights, which keeps adapted layers' weights in float32.");
        }

        if (adapters.FirstOrDefault(adapter => context.Model.IsTied(adapter.Weight)) is { } tied)
        {
            throw Refusal(
                $"method {Name} writes the base weights of adapted layers, and that of {tied.Module} is the word embeddings' too. "
                + $"Leave it out of {Setting.Of("target_modules")}, or set {Setting.Of("ensure_weight_tying", "false")}.");
        }

        layers = context.LowRankLayers(
            adapters.Select(adapter => (adapter.A, adapter.B, adapter.Scale)), context.Trainables.Values, "adapter.r", Name);
    }

    public override void Initialize()
    {
        if (Adapters.Any(adapter => adapter.IsReduced))
        {
            throw Refusal(
                $"method {Name} adds adapters to the base weights, and {Setting.Of("init_lora_weights")}: pissa has taken a part of these "
                + $"away, which an adapter file puts back. Start with {Setting.Of("init_lora_weights", "true")} or gaussian.");
        }
    }
}
