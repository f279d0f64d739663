namespace Engine.Common.Keys;

/// <summary>A section that has rules between its keys, beside each key's own bounds.</summary>
public interface IKeyRules
{
    /// <summary>The first rule that is broken; null: none.</summary>
    KeyProblem? Problem { get; }
}

/// <summary>A value that does not go with the section's others.</summary>
/// <param name="Property">The name of its property.</param>
/// <param name="Expected">What was expected in its place, as the rest of a sentence: "a number of at most rho, which is 0.05".</param>
public sealed record KeyProblem(string Property, string Expected);
