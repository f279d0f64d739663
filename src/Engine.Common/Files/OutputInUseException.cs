namespace Engine.Common.Files;

/// <summary>A folder is written to by another process, or by another writer of this one; the message names process and host.</summary>
public sealed class OutputInUseException(string message) : IOException(message);
