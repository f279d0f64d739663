using System.Collections.Frozen;
using System.Reflection;
using System.Runtime.Serialization;
using System.Text.RegularExpressions;
using Engine.Common.Keys;
using Engine.Optim.Methods;
using Engine.Training.Configuration;

namespace Engine.FineTuning;

/// <summary>
/// Settings as a C# program finds them: messages of a run speak of the keys of run files, <c>data.validation_split</c>, and those of this
/// package of properties, <c>Data.ValidationSplit</c>. A word is taken for a key where it can be nothing else: with a section before it or
/// an underscore in it, with one of the key's words or true and false behind it (<c>task: causal-lm</c> is then <c>Task =
/// CausalLanguageModel</c>), or at the start of the message.
/// </summary>
internal static partial class SettingNames
{
    private static readonly FrozenDictionary<string, Setting> Known = Find();

    /// <summary>Keys that files of models and adapters have, too.</summary>
    private static readonly FrozenSet<string> OfModelFiles =
        SectionKey.Of(typeof(AdapterConfiguration)).Select(key => key.Name).Append("chat_template").ToFrozenSet(StringComparer.Ordinal);

    /// <summary>A message with its keys replaced.</summary>
    /// <param name="isOfModel">It is about a model's files, so that words which these have, too, are theirs.</param>
    public static string In(string message, bool isOfModel = false)
    {
        string said = Section().Replace(message, section => Known.TryGetValue(section.Groups["key"].Value, out Setting? setting)
            ? setting.Property
            : section.Value);
        said = First().Replace(said, first => Known.TryGetValue(first.Groups["key"].Value, out Setting? setting)
            ? setting.Property
            : first.Value);
        return Key().Replace(said, found =>
        {
            string key = found.Groups["key"].Value, value = found.Groups["value"].Value;
            if (!Known.TryGetValue(key, out Setting? setting) || (isOfModel && OfModelFiles.Contains(key)))
            {
                return found.Value;
            }

            string? member = value.Length == 0 ? null : setting.Values.GetValueOrDefault(value);
            bool isPlain = !key.Contains('_', StringComparison.Ordinal) && !key.Contains('.', StringComparison.Ordinal);
            return member is not null ? $"{setting.Property} = {member}"
                : isPlain ? found.Value
                : setting.Property + found.Groups["rest"].Value;
        });
    }

    private static FrozenDictionary<string, Setting> Find()
    {
        Dictionary<string, Setting> known = new(StringComparer.Ordinal);
        Add(known, typeof(RunConfiguration), "", "");
        foreach (Type method in MethodCatalog.Names.Select(name => MethodCatalog.Create(name).GetType()))
        {
            foreach (SectionKey key in SectionKey.Of(method))
            {
                known.TryAdd($"method.{key.Name}", Setting.Of(key, "Method."));
                known.TryAdd(key.Name, Setting.Of(key, ""));
            }
        }

        return known.ToFrozenDictionary(StringComparer.Ordinal);
    }

    /// <summary>The keys of a section, under their dotted names and by themselves; the run's own go before those of its sections.</summary>
    private static void Add(Dictionary<string, Setting> known, Type section, string keys, string properties)
    {
        IReadOnlyList<SectionKey> all = SectionKey.Of(section);
        foreach (SectionKey key in all)
        {
            known.TryAdd(keys + key.Name, Setting.Of(key, properties));
            known.TryAdd(key.Name, Setting.Of(key, properties));
        }

        foreach (SectionKey key in all.Where(key => key.IsSection))
        {
            Add(known, key.ValueType, $"{keys}{key.Name}.", $"{properties}{key.Property.Name}.");
        }
    }

    [GeneratedRegex(@"'(?<key>[a-z_]+):' section")]
    private static partial Regex Section();

    [GeneratedRegex(@"^(?:'(?<key>[a-z0-9_.]+)'(?= is )|(?<key>[a-z0-9_.]+)(?=: | is '))")]
    private static partial Regex First();

    // Not within a path, an option or a longer word.
    [GeneratedRegex(
        @"(?<![\w./\\-])(?<key>(?>[a-z][A-Za-z0-9]*(?:[._][A-Za-z0-9]+)*))(?![\w/\\-])"
            + @"(?<rest>(?:: (?<value>(?>[a-z][a-z0-9-]*(?:\.[0-9]+)?))(?![\w-]|\.\w))?)")]
    private static partial Regex Key();

    /// <param name="Property">Its property, with those of its sections before it.</param>
    /// <param name="Values">The C# words for those of a run file.</param>
    private sealed record Setting(string Property, IReadOnlyDictionary<string, string> Values)
    {
        private static readonly IReadOnlyDictionary<string, string> Flags =
            new Dictionary<string, string> { ["true"] = "true", ["false"] = "false" };

        public static Setting Of(SectionKey key, string properties) => new(
            properties + key.Property.Name,
            key.ValueType == typeof(bool) ? Flags : key.ValueType.IsEnum ? Members(key.ValueType) : FrozenDictionary<string, string>.Empty);

        private static Dictionary<string, string> Members(Type type) => type.GetFields(BindingFlags.Public | BindingFlags.Static)
            .ToDictionary(field => field.GetCustomAttribute<EnumMemberAttribute>()!.Value!, field => field.Name);
    }
}
