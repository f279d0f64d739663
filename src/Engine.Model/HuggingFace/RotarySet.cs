namespace Engine.Model.HuggingFace;

/// <summary>One way of turning heads by their token's position.</summary>
/// <param name="Frequencies">The angle per position of each pair of a head's elements, in radians [turned elements / 2].</param>
/// <param name="Scale">What the turned elements are multiplied by.</param>
internal sealed record RotarySet(IReadOnlyList<double> Frequencies, float Scale = 1);
