using Engine.Graph;

namespace Engine.Training.Running;

/// <summary>What a run is started with beside its file.</summary>
public sealed record TrainerOptions
{
    /// <summary>Go on from the newest checkpoint in the output folder.</summary>
    public bool Resume { get; init; }

    /// <summary>Let a run that the output folder holds give way when this one is finished, as <c>overwrite_output_dir</c> does.</summary>
    public bool Overwrite { get; init; }

    /// <summary>Time every launch and add it here; slower, since launches then run one by one.</summary>
    internal Profile? Profile { get; init; }
}
