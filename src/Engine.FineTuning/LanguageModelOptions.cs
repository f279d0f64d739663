using Engine.Devices;
using Engine.Model;
using Engine.Training.Configuration;
using Engine.Training.Running;

namespace Engine.FineTuning;

/// <summary>How a language model is opened.</summary>
public sealed record LanguageModelOptions
{
    /// <summary>
    /// Adapters by name, in place of the model's own; requests name one as <c>ChatOptions.ModelId</c>, and the first is that of requests
    /// that name none.
    /// </summary>
    public IReadOnlyList<NamedAdapter> Adapters { get; init; } = [];

    /// <summary>The most tokens of a prompt with its answer; null: the model's positions.</summary>
    public int? ContextLength { get; init; }

    /// <summary>How matrices are stored on the device; null: as the model's run had it.</summary>
    public WeightType? Dtype { get; init; }

    /// <summary>
    /// How conversations are laid out, for folders without a template of their own; null: as the model's run, or its folder, says.
    /// </summary>
    public ChatTemplateChoice? ChatTemplate { get; init; }

    /// <summary>Accept adapters that lack tensors or have too many.</summary>
    public bool AllowMissing { get; init; }

    /// <summary>The device, which stays the caller's; null: the run's, else the processor.</summary>
    public Device? Device { get; init; }
}
