using System.Collections.Frozen;
using System.Reflection;
using System.Runtime.Serialization;
using Engine.Common.Keys;
using Engine.Optim.Methods;
using Engine.Training.Configuration;
using Engine.Training.Data.Formats;

namespace Engine.FineTuning;

/// <summary>
/// Settings as a C# program finds them: where a message of the command line says <c>data.validation_split</c> or <c>packing: true</c>, one
/// of this package says <c>Data.ValidationSplit</c> or <c>Packing = true</c>.
/// </summary>
internal static class SettingNames
{
    private static readonly FrozenDictionary<string, Property> Known = Find();

    /// <summary>Messages of what is done until the result is disposed name properties; every call that a program makes begins so.</summary>
    public static IDisposable Use() => SettingWords.Use(Of);

    /// <summary>A setting's property, <c>Data.Train</c>, or what it is set to, <c>Task = CausalLanguageModel</c>.</summary>
    public static string Of(Setting setting) => !Known.TryGetValue(setting.Key, out Property? property)
        ? setting.InRunFile
        : setting.Value is { } value ? $"{property.Name} = {property.Values.GetValueOrDefault(value, value)}" : property.Name;

    private static FrozenDictionary<string, Property> Find()
    {
        Dictionary<string, Property> known = new(StringComparer.Ordinal);
        Add(known, typeof(RunConfiguration), "", "");
        Method[] methods = [.. MethodCatalog.Names.Select(name => MethodCatalog.Create(name))];
        known["method"] = new Property(
            nameof(RunConfiguration.Method), methods.ToFrozenDictionary(method => method.Name, method => $"new {method.GetType().Name}()"));
        foreach (SectionKey key in methods.SelectMany(method => SectionKey.Of(method.GetType())))
        {
            known.TryAdd($"method.{key.Name}", Property.Of(key, "Method."));
            known.TryAdd(key.Name, Property.Of(key, ""));
        }

        return known.ToFrozenDictionary(StringComparer.Ordinal);
    }

    /// <summary>The keys of a section, under their dotted names and by themselves; the run's own go before those of its sections.</summary>
    private static void Add(Dictionary<string, Property> known, Type section, string keys, string properties)
    {
        IReadOnlyList<SectionKey> all = SectionKey.Of(section);
        foreach (SectionKey key in all)
        {
            known.TryAdd(keys + key.Name, Property.Of(key, properties));
            known.TryAdd(key.Name, Property.Of(key, properties));
        }

        foreach (SectionKey key in all.Where(key => key.IsSection))
        {
            Add(known, key.ValueType, $"{keys}{key.Name}.", $"{properties}{key.Property.Name}.");
        }
    }

    /// <param name="Name">With those of its sections before it.</param>
    /// <param name="Values">The C# words for those of a run file; one that is not among them is the same in both.</param>
    private sealed record Property(string Name, IReadOnlyDictionary<string, string> Values)
    {
        public static Property Of(SectionKey key, string properties) => new(
            properties + key.Property.Name,
            key.ValueType.IsEnum ? Members(key.ValueType)
                : key.ValueType == typeof(DataFormat) ? Formats()
                : FrozenDictionary<string, string>.Empty);

        private static Dictionary<string, string> Members(Type type) => type.GetFields(BindingFlags.Public | BindingFlags.Static)
            .ToDictionary(field => field.GetCustomAttribute<EnumMemberAttribute>()!.Value!, field => field.Name);

        private static Dictionary<string, string> Formats() => typeof(DataFormats).GetProperties(BindingFlags.Public | BindingFlags.Static)
            .Where(property => property.PropertyType == typeof(DataFormat))
            .ToDictionary(property => ((DataFormat)property.GetValue(null)!).Name, property => property.Name);
    }
}
