using System.Xml.Linq;
using Engine.Common.Keys;
using Engine.Training.Configuration;

namespace Engine.Training.Tests.Configuration;

/// <summary>The documentation of each key's property says the default that the key has.</summary>
public sealed class DefaultDocsTests
{
    private static readonly Dictionary<string, string?> Values =
        XDocument.Load(Path.Combine(AppContext.BaseDirectory, $"{typeof(RunConfiguration).Assembly.GetName().Name}.xml"))
            .Descendants("member").ToDictionary(member => member.Attribute("name")!.Value, member => (string?)member.Element("value"));

    public static TheoryData<Type> Sections => [.. Of(typeof(RunConfiguration))];

    [Theory]
    [MemberData(nameof(Sections))]
    public void Value_of_each_property_is_its_default(Type section)
    {
        object unset = Activator.CreateInstance(section)!;
        string[] wrong = [.. SectionKey.Of(section)
            .Select(key => (key.Property.Name, Expected: Expected(key, unset), Said: Said(key)))
            .Where(entry => entry.Expected != entry.Said)
            .Select(entry => $"{section.Name}.{entry.Name} should say '{entry.Expected}', not '{entry.Said}'")];

        Assert.True(wrong.Length == 0, string.Join("\n", wrong));
    }

    /// <summary>Sections that are found by themselves are all there are.</summary>
    [Fact]
    public void Every_section_is_held() => Assert.Equal(
        ["AdapterConfiguration", "DataConfiguration", "FederatedConfiguration", "RunConfiguration", "ScheduleConfiguration"],
        Of(typeof(RunConfiguration)).Select(section => section.Name).Order());

    private static IEnumerable<Type> Of(Type section) =>
        [section, .. SectionKey.Of(section).Where(key => key.IsSection).SelectMany(key => Of(key.ValueType))];

    /// <summary>In words where the key has some, else the value of a record that nobody set, as C# writes it.</summary>
    private static string? Expected(SectionKey key, object unset)
    {
        object? value = key.Property.GetValue(unset);
        string said = key.Definition.Default
            ?? (value is null ? "none" : value is Enum member ? member.ToString() : RunFileWriter.ScalarText(value));
        return key.Definition.Required ? null : $"Default: {said}.";
    }

    private static string? Said(SectionKey key) =>
        Values.GetValueOrDefault($"P:{key.Property.DeclaringType!.FullName}.{key.Property.Name}") is { } text
            ? string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
            : null;
}
