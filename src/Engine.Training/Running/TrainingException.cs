namespace Engine.Training.Running;

/// <summary>A run that cannot start, go on or be resumed; the message says why and what to do.</summary>
public sealed class TrainingException(string message, Exception? inner = null) : Exception(message, inner);
