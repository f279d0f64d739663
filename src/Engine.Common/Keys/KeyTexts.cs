using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Reflection;

namespace Engine.Common.Keys;

/// <summary>What keys do, in the words of their properties' summaries.</summary>
internal static class KeyTexts
{
    private static readonly ConcurrentDictionary<Assembly, FrozenDictionary<(string Type, string Property), string>> Known = [];

    /// <summary>One paragraph of Markdown; empty where the key's assembly was built without Engine.Keys.Generator.</summary>
    public static string Of(PropertyInfo property)
    {
        Type type = property.DeclaringType!;
        string name = (type.IsGenericType ? type.GetGenericTypeDefinition() : type).FullName!;
        return Known.GetOrAdd(type.Assembly, Read).GetValueOrDefault((name, property.Name), string.Empty);
    }

    private static FrozenDictionary<(string Type, string Property), string> Read(Assembly assembly) =>
        assembly.GetCustomAttributes<KeyTextAttribute>().ToFrozenDictionary(text => (text.Type, text.Property), text => text.Text);
}
