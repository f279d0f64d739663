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
    public string Type { get; } = type;

    public string Property { get; } = property;

    public string Text { get; } = text;
}
