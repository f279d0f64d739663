using System.Collections.Concurrent;
using System.Reflection;
using System.Text.Json;

namespace Engine.Common.Keys;

/// <summary>One key of a section of the run file.</summary>
/// <param name="Name">As written in YAML.</param>
/// <param name="Property">The property it sets.</param>
/// <param name="Definition">Its bounds.</param>
internal sealed record SectionKey(string Name, PropertyInfo Property, KeyAttribute Definition)
{
    private static readonly ConcurrentDictionary<Type, IReadOnlyList<SectionKey>> Known = [];

    /// <summary>The keys of a section, in the order they are declared, those of a base record first.</summary>
    public static IReadOnlyList<SectionKey> Of(Type section) => Known.GetOrAdd(section, Find);

    /// <summary>What it does, in the words of the property's summary.</summary>
    public string Text => KeyTexts.Of(Property);

    /// <summary>The property's type without its nullable wrapper.</summary>
    public Type ValueType => Nullable.GetUnderlyingType(Property.PropertyType) ?? Property.PropertyType;

    /// <summary>Whether the key opens a section with keys of its own.</summary>
    public bool IsSection => Of(ValueType).Count > 0;

    /// <summary>A property's name as a key.</summary>
    public static string NameOf(string property) => JsonNamingPolicy.SnakeCaseLower.ConvertName(property);

    private static IReadOnlyList<SectionKey> Find(Type section) =>
    [
        .. from property in section.GetProperties(BindingFlags.Public | BindingFlags.Instance)
           let definition = property.GetCustomAttribute<KeyAttribute>()
           where definition is not null
           orderby Depth(property.DeclaringType), property.MetadataToken
           select new SectionKey(definition.Name ?? NameOf(property.Name), property, definition),
    ];

    private static int Depth(Type? type) => type is null ? 0 : 1 + Depth(type.BaseType);
}
