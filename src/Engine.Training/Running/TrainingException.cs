using Engine.Common;

namespace Engine.Training.Running;

/// <summary>A run that cannot start, go on or be resumed; the message says why and what to do.</summary>
public sealed class TrainingException(string message, Exception? inner = null) : Exception(message, inner), ISettingsError
{
    /// <summary>What stopped a run that was under way, whatever it was; null where the message says all there is.</summary>
    public Exception? StoppedBy { get; init; }

    /// <inheritdoc/>
    public IReadOnlyList<string> Settings { get; init; } = [];
}
