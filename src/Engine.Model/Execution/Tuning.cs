using Engine.Model.Adapters;
using Engine.Model.Peft;

namespace Engine.Model.Execution;

/// <summary>Which of a model's parameters are trained.</summary>
internal abstract record Tuning
{
    private Tuning()
    {
    }

    /// <summary>None: the model is evaluated, with the adapter where it has one.</summary>
    /// <param name="Adapter">The adapter; null for none.</param>
    public sealed record Frozen(Lora? Adapter = null) : Tuning;

    /// <summary>Every parameter.</summary>
    public sealed record Full : Tuning;

    /// <summary>LoRA adapters, and modules that are trained as a whole (<c>modules_to_save</c>).</summary>
    /// <param name="Adapters">Adapted layers.</param>
    /// <param name="SavedParameters">Parameters of the modules that are trained and stored whole.</param>
    public sealed record Lora(IReadOnlyList<LoraTarget> Adapters, IReadOnlyList<string> SavedParameters) : Tuning
    {
        /// <summary>Those of the saved parameters that are frozen: stored whole in float32 like the others, but not trained.</summary>
        public IReadOnlyList<string> HeldParameters { get; init; } = [];

        /// <summary>Tokens whose rows of a table are the adapter's.</summary>
        public IReadOnlyList<TokenTarget> TokenRows { get; init; } = [];

        /// <summary>The token rows are frozen, too: they lie in their tables.</summary>
        public bool HoldsTokenRows { get; init; }

        /// <summary>Training writes the base weights of adapted layers too: they are float32, whatever the others are stored in.</summary>
        public bool WritesBaseWeights { get; init; }
    }
}
