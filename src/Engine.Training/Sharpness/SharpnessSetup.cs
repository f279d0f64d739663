using Engine.Model;
using Engine.Training.Configuration;

namespace Engine.Training.Sharpness;

/// <summary>On what the sharpness of adapters is measured; what is left out is as the adapter's run has it.</summary>
public sealed record SharpnessSetup
{
    /// <summary>The base model's folder; null: the run's, else the one that the adapter names.</summary>
    public string? Model { get; init; }

    /// <summary>The evaluation data; what it leaves out is as the run's validation data.</summary>
    public DataSelection Data { get; init; } = new();

    /// <summary>Rows of the data that the loss is the mean over: the first.</summary>
    public int Rows { get; init; } = 128;

    /// <summary>Texts of a forward pass.</summary>
    public int BatchSize { get; init; } = 16;

    /// <summary>Texts are cut to so many tokens; null: the run's, else the model's longest.</summary>
    public int? MaxLength { get; init; }

    /// <summary>How frozen matrices are stored; null: as the run has it.</summary>
    public WeightType? Dtype { get; init; }
}
