namespace Engine.Common;

/// <summary>
/// An error that settings mend. Its message speaks of them as the library calls them; a program that has names of its own for them, such as
/// options of a command line or fields of a form, finds here which to say.
/// </summary>
public interface ISettingsError
{
    /// <summary>The settings by the names of their properties, such as <c>Overwrite</c>; empty where none mends the error.</summary>
    IReadOnlyList<string> Settings { get; }
}
