using Engine.Devices;
using Engine.Model;
using Microsoft.Extensions.Logging;

namespace Engine.FineTuning;

/// <summary>How an encoder is opened for sentence vectors.</summary>
public sealed record EngineEmbeddingGeneratorOptions
{
    /// <summary>An adapter's folder, to be put on the model; null: the run's own, or none.</summary>
    public string? Adapter { get; init; }

    /// <summary>The device, which stays the caller's; null: the run's, else the processor.</summary>
    public Device? Device { get; init; }

    /// <summary>How matrices are stored on the device; null: as the model's run had it.</summary>
    public WeightType? Dtype { get; init; }

    /// <summary>
    /// Scale vectors to length 1, so that the product of two is their cosine; null: as the folder's <c>modules.json</c> says. Where it has
    /// none, they are not scaled, and <see cref="Logger"/> is warned.
    /// </summary>
    public bool? Normalize { get; init; }

    /// <summary>Told what a user should know of the model, as warnings; null: nobody.</summary>
    public ILogger? Logger { get; init; }
}
