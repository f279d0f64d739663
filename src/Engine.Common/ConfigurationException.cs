namespace Engine.Common;

/// <summary>A setting that cannot be used: an unknown or missing key, a wrong type, a value out of range. The message names where it was given and what was expected.</summary>
public sealed class ConfigurationException : Exception
{
    public ConfigurationException(string message)
        : base(message)
    {
    }

    public ConfigurationException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
