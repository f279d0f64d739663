using System.ComponentModel;

namespace Engine.Common.Keys;

/// <summary>The text of a key's summary. A generator writes these (Engine.Keys.Generator); no program has to.</summary>
/// <param name="type">The declaring type's full name.</param>
/// <param name="property">The property's name.</param>
/// <param name="text">One paragraph of Markdown.</param>
[AttributeUsage(AttributeTargets.Assembly, AllowMultiple = true)]
[EditorBrowsable(EditorBrowsableState.Never)]
public sealed class KeyTextAttribute(string type, string property, string text) : Attribute
{
    /// <summary>The declaring type's full name.</summary>
    public string Type { get; } = type;

    /// <summary>The property's name.</summary>
    public string Property { get; } = property;

    /// <summary>One paragraph of Markdown.</summary>
    public string Text { get; } = text;
}
