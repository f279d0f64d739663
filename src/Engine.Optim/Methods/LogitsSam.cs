using Engine.Common.Keys;
using Engine.Graph;
using Engine.Model.Architectures;

namespace Engine.Optim.Methods;

/// <summary>
/// logits-SAM (ICLR 2026, arXiv 2603.18258): SAM whose perturbation moves the output layer alone, the one that makes the logits: its
/// trained weight and bias, or the factors of the adapter on it. The first pass goes back through that layer only.
/// </summary>
public sealed record LogitsSam : Perturbation
{
    internal const string MethodName = "logits-sam";

    /// <inheritdoc/>
    public override string Name => MethodName;

    /// <summary>Radius of the perturbation, over the output layer's trained tensors together.</summary>
    [Key(Minimum = 0)]
    public Radius Rho { get; init; } = 0.05;

    /// <inheritdoc/>
    protected override TrainingMethod Create() => new LogitsSamMethod(this);
}

/// <summary>SAM on the output layer; no other tensor's gradient is computed in the first pass.</summary>
internal sealed class LogitsSamMethod(LogitsSam settings) : SamAscent(settings, settings.Rho)
{
    private ActiveSet? output;

    public override void Attach(MethodContext context)
    {
        base.Attach(context);
        Variable[] tensors = [.. context.Trainables.Entries.Select(entry => entry.Value)];
        output = new ActiveSet(tensors);
        output.Clear();
        foreach ((_, Variable tensor) in PerturbedTensors(context))
        {
            output[Array.IndexOf(tensors, tensor)] = true;
        }
    }

    public override ActiveSet? ActiveIn(StepPart part) => part == StepPart.FirstPass ? output : null;

    protected override IEnumerable<(string Name, Variable Value)> PerturbedTensors(MethodContext context)
    {
        string[] modules = OutputModules(context.Model.Architecture);
        (string Name, Variable Value)[] tensors = [.. context.Trainables.Entries.Where(
            entry => modules.Any(module => entry.Name.StartsWith($"{module}.", StringComparison.Ordinal)))];
        return tensors.Length > 0 ? tensors : throw Refusal(modules.Length == 0
            ? $"method {Name} perturbs the layer that makes the logits, and this model has none; choose {LoraSam.MethodName}."
            : $"method {Name} perturbs the output layer, '{modules[0]}', and the run trains nothing of it; name it in "
                + $"{Setting.Of("adapter.modules_to_save")}, put an adapter on it by {Setting.Of("adapter.target_modules")}, or choose "
                + $"{LoraSam.MethodName}.");
    }

    /// <summary>The output layer's module, and where its weight is the word embeddings' too, theirs.</summary>
    private static string[] OutputModules(Architecture architecture) => architecture.OutputModule is { } own
        ? [own]
        : [.. from alias in architecture.Aliases
             from name in (string[])[alias.Name, alias.Parameter]
             select name[..name.LastIndexOf('.')]];
}
