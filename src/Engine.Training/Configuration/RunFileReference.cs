using System.Reflection;
using System.Runtime.Serialization;
using System.Text;
using Engine.Model.Peft;

namespace Engine.Training.Configuration;

/// <summary>One line of the run file's reference.</summary>
/// <param name="Name">Dotted key, such as <c>adapter.lora_alpha</c>.</param>
/// <param name="Type">What it takes, in words.</param>
/// <param name="Default">What holds without it, in words; "required" where it must be there.</param>
/// <param name="Description">What it does.</param>
public sealed record RunFileReferenceEntry(string Name, string Type, string Default, string Description);

/// <summary>The keys of the run file with their types and defaults, for the command line's help and docs/run-file.md.</summary>
public static class RunFileReference
{
    /// <summary>Every key, sections followed by their keys.</summary>
    public static IReadOnlyList<RunFileReferenceEntry> Entries { get; } = [.. Section(typeof(RunConfiguration), "")];

    /// <summary>The keys as Markdown tables, one per section.</summary>
    public static string ToMarkdown()
    {
        StringBuilder text = new();
        foreach (IGrouping<string, RunFileReferenceEntry> section in Entries.GroupBy(entry => entry.Name.Contains('.') ? entry.Name.Split('.')[0] : ""))
        {
            if (section.Key.Length > 0)
            {
                text.Append($"\n### {section.Key}\n\n");
            }

            text.Append("| key | value | default | |\n|---|---|---|---|\n");
            foreach (RunFileReferenceEntry entry in section)
            {
                text.Append($"| `{entry.Name}` | {entry.Type} | {entry.Default} | {entry.Description} |\n");
            }
        }

        return text.ToString();
    }

    private static IEnumerable<RunFileReferenceEntry> Section(Type type, string prefix)
    {
        object defaults = Activator.CreateInstance(type)!;
        foreach (RunFileKey key in RunFileKey.Of(type))
        {
            object? value = key.Property.GetValue(defaults);
            string whenAbsent = key.Definition.Required ? "required" : key.Definition.Default ?? (value is null ? "none" : RunFileWriter.ScalarText(value));
            yield return new RunFileReferenceEntry(prefix + key.Name, Describe(key), whenAbsent, key.Definition.Description);
            if (key.IsSection)
            {
                foreach (RunFileReferenceEntry entry in Section(key.ValueType, $"{prefix}{key.Name}."))
                {
                    yield return entry;
                }
            }
        }
    }

    private static string Describe(RunFileKey key)
    {
        Type type = key.ValueType;
        if (type.IsEnum)
        {
            return string.Join(", ", type.GetFields(BindingFlags.Public | BindingFlags.Static).Select(field => field.GetCustomAttribute<EnumMemberAttribute>()!.Value));
        }

        return type switch
        {
            _ when key.IsSection => "map",
            _ when type == typeof(Data.DataFiles) => "path or list of paths",
            _ when key.Definition.IsPath => "path",
            _ when type == typeof(char) => "one character",
            _ when type == typeof(bool) => "true, false",
            _ when type == typeof(double) => RunFileBinder.Bounds(key.Definition, isWhole: false),
            _ when type == typeof(int) || type == typeof(ulong) => RunFileBinder.Bounds(key.Definition, isWhole: true),
            _ when type == typeof(IReadOnlyList<string>) => "list",
            _ when type == typeof(IReadOnlyList<int>) => "list of numbers",
            _ when type == typeof(IReadOnlyList<TokenIndices>) => "list of numbers, or map of names to such lists",
            _ when type == typeof(IReadOnlyList<KeyValuePair<string, int>>) || type == typeof(IReadOnlyList<KeyValuePair<string, double>>) => "map of patterns to numbers",
            _ when type == typeof(ModulePattern) => "list or text",
            _ when type == typeof(MethodsConfiguration) => "name, map or list",
            _ when type == typeof(Data.ColumnReference) => "name or number",
            _ => "text",
        };
    }
}
