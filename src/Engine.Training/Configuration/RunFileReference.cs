using System.Reflection;
using System.Runtime.Serialization;
using System.Text;
using Engine.Common;
using Engine.Common.Keys;
using Engine.Model.Peft;
using Engine.Optim.Methods;
using Engine.Training.Data.Formats;

namespace Engine.Training.Configuration;

/// <summary>One line of the run file's reference.</summary>
/// <param name="Name">Dotted key, such as <c>adapter.lora_alpha</c>.</param>
/// <param name="Type">What it takes, in words.</param>
/// <param name="Default">What holds without it, in words; "required" where it must be there.</param>
/// <param name="Description">What it does.</param>
public sealed record RunFileReferenceEntry(string Name, string Type, string Default, string Description);

/// <summary>The keys of a training method.</summary>
/// <param name="Method">Its name.</param>
/// <param name="Entries">Each as <c>method.KEY</c>.</param>
public sealed record RunFileReferenceMethod(string Method, IReadOnlyList<RunFileReferenceEntry> Entries);

/// <summary>Keys that stand together in the reference.</summary>
/// <param name="Heading">The section, such as <c>adapter</c> or <c>method: flat-lora</c>; empty for the run file itself.</param>
/// <param name="Page">The page of docs that tells more of it; null for none.</param>
internal sealed record RunFileReferenceSection(string Heading, string? Page, IReadOnlyList<RunFileReferenceEntry> Entries);

/// <summary>The keys of the run file with their types and defaults, for the command line's help and docs/run-file.md.</summary>
public static class RunFileReference
{
    /// <summary>Every key, sections followed by their keys.</summary>
    public static IReadOnlyList<RunFileReferenceEntry> Entries { get; } = [.. Section(Blank(typeof(RunConfiguration)), "")];

    /// <summary>The training methods with their keys, those that a program registered behind Engine's.</summary>
    public static IReadOnlyList<RunFileReferenceMethod> Methods =>
        [.. MethodCatalog.Names.Select(name => new RunFileReferenceMethod(name, [.. Section(MethodCatalog.Create(name), "method.")]))];

    /// <summary>The names of the training methods that have a key.</summary>
    public static IReadOnlyList<string> MethodsWith(string key) =>
        [.. Methods.Where(method => method.Entries.Any(entry => entry.Name == $"method.{key}")).Select(method => method.Method)];

    /// <summary>
    /// All keys as the reference groups them: the run file's own, those of each section, of a radius that is a map, and of each training
    /// method that has any, those that a program registered behind Engine's.
    /// </summary>
    internal static IReadOnlyList<RunFileReferenceSection> Sections =>
    [
        .. Entries.GroupBy(entry => entry.Name.Contains('.') ? entry.Name.Split('.')[0] : "")
            .Select(section => new RunFileReferenceSection(section.Key, null, [.. section])),
        new("method: rho as a map", "methods/README.md#a-radius-by-the-rise-it-makes", [.. Section(new Radius(), "method.rho.")]),
        .. Methods.Where(method => method.Entries.Count > 0).Select(method => new RunFileReferenceSection(
            $"method: {method.Method}", IsOwn(method.Method) ? $"methods/{method.Method}.md" : null, method.Entries)),
    ];

    /// <summary>
    /// The sections with those of their keys that a pattern names. It names a whole section or method by its name, and keys by a part of
    /// theirs (with a dot in it, of the dotted one); where no name has it, keys whose text has it. Case, hyphens and underscores do not
    /// count.
    /// </summary>
    /// <exception cref="ConfigurationException">It names none.</exception>
    internal static IReadOnlyList<RunFileReferenceSection> Find(string pattern)
    {
        string wanted = Plain(pattern);
        bool isDotted = wanted.Contains('.', StringComparison.Ordinal);
        RunFileReferenceSection[] named = [.. Having(section => section.Entries.Where(
            entry => IsCalled(section, wanted) || Has(isDotted ? entry.Name : entry.Name.Split('.')[^1], wanted)))];
        RunFileReferenceSection[] found = named.Length > 0 ? named
            : [.. Having(section => section.Entries.Where(entry => Has(entry.Description, wanted)))];
        IEnumerable<string> known = Sections.SelectMany(section => section.Entries.Select(entry => entry.Name.Split('.')[^1])
            .Prepend(section.Heading.Split(": ")[^1]));
        return found.Length > 0 && wanted.Length > 0 ? found : throw new ConfigurationException(
            $"No key of the run file, no section and no method is called '{pattern}', and no key's text has it"
                + (NearestName.Find(pattern, known.Distinct()) is { } nearest ? $"; did you mean '{nearest}'?" : "."));
    }

    /// <summary>The keys as Markdown tables, one per section and one per training method of Engine.</summary>
    public static string ToMarkdown()
    {
        StringBuilder text = new();
        foreach (RunFileReferenceSection section in Sections.Where(section => section.Page is not null || !IsOfMethod(section)))
        {
            text.Append(section.Heading.Length > 0 ? $"\n### {section.Heading}\n\n" : "");
            text.Append(section.Page is { } page ? $"[What it does]({page}).\n\n" : "");
            Table(text, section.Entries);
        }

        return text.ToString();
    }

    private static IEnumerable<RunFileReferenceSection> Having(
        Func<RunFileReferenceSection, IEnumerable<RunFileReferenceEntry>> entries) =>
        Sections.Select(section => section with { Entries = [.. entries(section)] }).Where(section => section.Entries.Count > 0);

    private static bool IsOfMethod(RunFileReferenceSection section) => section.Heading.StartsWith("method: ", StringComparison.Ordinal);

    private static bool IsCalled(RunFileReferenceSection section, string wanted) =>
        Plain(section.Heading) == wanted || (IsOfMethod(section) && Plain(section.Heading["method: ".Length..]) == wanted);

    private static bool Has(string text, string wanted) => Plain(text).Contains(wanted, StringComparison.Ordinal);

    private static string Plain(string text) => text.ToLowerInvariant().Replace("-", "").Replace("_", "");

    private static void Table(StringBuilder text, IEnumerable<RunFileReferenceEntry> entries)
    {
        text.Append("| key | value | default | |\n|---|---|---|---|\n");
        foreach (RunFileReferenceEntry entry in entries)
        {
            string description = entry.Description.Replace("|", @"\|", StringComparison.Ordinal);
            text.Append($"| `{entry.Name}` | {entry.Type} | {entry.Default} | {description} |\n");
        }
    }

    /// <param name="defaults">A section's record as it is without any key.</param>
    private static IEnumerable<RunFileReferenceEntry> Section(object defaults, string prefix)
    {
        foreach (SectionKey key in SectionKey.Of(defaults.GetType()))
        {
            object? value = key.Property.GetValue(defaults);
            string whenAbsent = key.Definition.Required
                ? "required"
                : key.Definition.Default ?? (value is null ? "none" : RunFileWriter.ScalarText(value));
            bool isFormat = key.ValueType == typeof(DataFormat);
            yield return new RunFileReferenceEntry(
                prefix + key.Name,
                Describe(key),
                isFormat ? $"{whenAbsent}: {DataFormats.Endings()}" : whenAbsent,
                isFormat ? $"{key.Text}: {DataFormats.Summaries(DataFormats.All)}."
                    : key.ValueType == typeof(Method) ? $"{key.Text} The names are {string.Join(", ", MethodCatalog.Names.Where(IsOwn))}."
                    : key.Text);
            if (key.IsSection && !key.ValueType.IsAssignableTo(typeof(INumberOrSection)))
            {
                foreach (RunFileReferenceEntry entry in Section(Blank(key.ValueType), $"{prefix}{key.Name}."))
                {
                    yield return entry;
                }
            }
        }
    }

    private static bool IsOwn(string method) => MethodCatalog.Create(method).GetType().Assembly == typeof(Method).Assembly;

    private static object Blank(Type section) => Activator.CreateInstance(section)!;

    private static string Describe(SectionKey key)
    {
        Type type = key.ValueType;
        if (type.IsEnum)
        {
            return string.Join(
                ", ", type.GetFields(BindingFlags.Public | BindingFlags.Static)
                    .Select(field => field.GetCustomAttribute<EnumMemberAttribute>()!.Value));
        }

        return type switch
        {
            _ when type.IsAssignableTo(typeof(INumberOrSection)) => $"{key.Definition.Range(isWhole: false)}, or map",
            _ when key.IsSection => "map",
            _ when type == typeof(Data.DataFiles) => "path or list of paths",
            _ when key.Definition.IsPath => "path",
            _ when type == typeof(DataFormat) => string.Join(", ", DataFormats.All),
            _ when type == typeof(char) => "one character",
            _ when type == typeof(bool) => "true, false",
            _ when type == typeof(double) => key.Definition.Range(isWhole: false),
            _ when type == typeof(int) || type == typeof(ulong) => key.Definition.Range(isWhole: true),
            _ when type == typeof(IReadOnlyList<string>) => "list",
            _ when type == typeof(IReadOnlyList<int>) => "list of numbers",
            _ when type == typeof(IReadOnlyList<Tracking.MetricsTarget>) => "word or list of words",
            _ when type == typeof(IReadOnlyList<TokenIndices>) => "list of numbers, or map of names to such lists",
            _ when type == typeof(IReadOnlyList<KeyValuePair<string, int>>)
                || type == typeof(IReadOnlyList<KeyValuePair<string, double>>) => "map of patterns to numbers",
            _ when type == typeof(ClassWeights) => "balanced, or list of numbers",
            _ when type == typeof(ClassTasks) => "a number, or list of lists of labels",
            _ when type == typeof(ModulePattern) => "list or text",
            _ when type == typeof(Method) => "name, map or list",
            _ when type == typeof(Data.ColumnReference) => "name or number",
            _ => "text",
        };
    }
}
