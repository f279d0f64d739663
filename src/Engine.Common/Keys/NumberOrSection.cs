namespace Engine.Common.Keys;

/// <summary>What a key takes that is a number or, in its place, a section.</summary>
public interface INumberOrSection
{
    /// <summary>The number, which the key's bounds hold for; null: it is a section.</summary>
    double? Number { get; }
}
