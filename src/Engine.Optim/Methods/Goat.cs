using Engine.Common.Keys;
using Engine.Model.Forms;

namespace Engine.Optim.Methods;

/// <summary>
/// GOAT (Fan et al., ICML 2025, arXiv 2502.16894): an adapter's ranks are experts that start from segments of the weight's singular
/// triples, a router sends each token to some of them, and a term of the loss keeps them in use.
/// </summary>
public sealed record Goat : Method, IKeyRules
{
    internal const string MethodName = "goat";

    /// <inheritdoc/>
    public override string Name => MethodName;

    /// <summary>Experts of a layer; each has r / experts ranks.</summary>
    [Key(Minimum = 1, Maximum = 256)]
    public int Experts { get; init; } = 8;

    /// <summary>Experts that each token is sent to.</summary>
    [Key(Minimum = 1)]
    public int TopK { get; init; } = 2;

    /// <summary>What the balance term is multiplied by before it is added to the loss.</summary>
    [Key(Minimum = 0)]
    public double AuxLossCoefficient { get; init; } = 1e-3;

    /// <summary>What the singular values are divided by for the experts' start.</summary>
    [Key(Minimum = 0, Above = true)]
    public double RhoInit { get; init; } = 10;

    /// <summary>What of the experts' start is taken out of the weight.</summary>
    [Key(Minimum = 0, Default = "1 / experts")]
    public double? InitCof { get; init; }

    /// <summary>Scale of the experts' products, in place of lora_alpha / (r / experts).</summary>
    [Key(Minimum = 0, Above = true, Default = "lora_alpha * experts / r")]
    public double? Scaling { get; init; }

    /// <summary>
    /// The scale is the theory's, sqrt(3 in eta / (r / experts)), for the ratio eta of full fine-tuning's learning rate to the adapter's.
    /// </summary>
    [Key(Minimum = 0, Above = true, Default = "scaling as above")]
    public double? Eta { get; init; }

    /// <summary>Safetensors file with start values of trained tensors, such as <c>LAYER.lora_gating.weight</c>.</summary>
    [Key(IsPath = true, Default = "drawn from seed")]
    public string? Init { get; init; }

    internal override AdapterForm Form => new GoatForm
    {
        Experts = Experts,
        TopK = TopK,
        InitCof = InitCof ?? 1.0 / Experts,
        Scaling = Scaling,
        Eta = Eta,
        RhoInit = RhoInit,
        AuxLossCoefficient = AuxLossCoefficient,
    };

    KeyProblem? IKeyRules.Problem => TopK > Experts ? new KeyProblem(nameof(TopK), $"at most {Setting.Of("experts")}, which is {Experts}")
        : Scaling is not null && Eta is not null
            ? new KeyProblem(nameof(Eta), $"none beside {Setting.Of("scaling")}, which says the scale itself")
        : null;

    /// <inheritdoc/>
    protected override TrainingMethod Create() => new GoatMethod(this);
}

internal sealed class GoatMethod(Goat settings) : AdapterMethod(settings, settings.Init);
