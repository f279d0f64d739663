using System.Reflection;
using System.Runtime.CompilerServices;
using System.Xml.Linq;
using System.Xml.XPath;

namespace Engine.FineTuning.Tests;

/// <summary>Every public method says what it takes, gives and throws; what it inherits of another counts, where that is there.</summary>
public sealed class DocumentationTests
{
    private static readonly Assembly Package = typeof(FineTune).Assembly;

    private static readonly Dictionary<string, XElement> Members =
        XDocument.Load(Path.Combine(AppContext.BaseDirectory, $"{Package.GetName().Name}.xml"))
            .Descendants("member").ToDictionary(member => member.Attribute("name")!.Value);

    [Fact]
    public void Every_public_method_says_what_it_takes_gives_and_throws()
    {
        MethodInfo[] methods = [.. Package.GetExportedTypes().Where(type => !type.IsAssignableTo(typeof(Delegate)))
            .SelectMany(type => type.GetMethods(
                BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly))
            .Where(IsWritten)];
        string[] wrong = [.. methods.SelectMany(method => Missing(method).Select(what => $"{Id(method)} lacks {what}"))];

        Assert.True(methods.Length > 30, $"{methods.Length} methods");
        Assert.True(wrong.Length == 0, string.Join("\n", wrong));
    }

    [Fact]
    public void Every_record_says_what_its_parameters_are()
    {
        string[] wrong = [.. from type in Package.GetExportedTypes()
                             from constructor in type.GetConstructors()
                             from parameter in constructor.GetParameters()
                             where !Has([.. Resolved($"T:{Name(type)}"), .. Resolved(Id(constructor))], $"param[@name='{parameter.Name}']")
                             select $"{Name(type)} lacks {parameter.Name}"];

        Assert.True(wrong.Length == 0, string.Join("\n", wrong));
    }

    /// <summary>The rule itself, on what a training throws: six kinds of error, the end by cancellation, and that of a disk.</summary>
    [Fact]
    public void Training_lists_its_errors()
    {
        MethodInfo method = typeof(FineTune).GetMethods().Single(candidate => candidate.Name == nameof(FineTune.RegressorAsync)
            && candidate.GetParameters()[1].ParameterType == typeof(IAsyncEnumerable<ScoredText>));

        Assert.Equal(
            [
                "ArgumentException", "ConfigurationException", "DataFileException", "DeviceException", "IOException", "ModelFileException",
                "OperationCanceledException", "TrainingException",
            ],
            Resolved(Id(method)).Where(element => element.Name == "exception")
                .Select(element => element.Attribute("cref")!.Value.Split('.')[^1]).Order());
    }

    private static bool IsWritten(MethodInfo method) =>
        !method.IsSpecialName && method.GetCustomAttribute<CompilerGeneratedAttribute>() is null
            && !method.Name.Contains('<', StringComparison.Ordinal) && method.Name is not ("Dispose" or "PrintMembers" or "ToString");

    private static IEnumerable<string> Missing(MethodInfo method)
    {
        IReadOnlyList<XElement> said = Resolved(Id(method));
        string[] wanted =
        [
            "summary", "exception", .. method.GetParameters().Select(parameter => $"param[@name='{parameter.Name}']"),
            .. method.ReturnType == typeof(void) ? (string[])[] : ["returns"],
        ];
        return wanted.Where(what => !Has(said, what));
    }

    private static bool Has(IReadOnlyList<XElement> said, string what) =>
        said.Any(element => new XElement("said", new XElement(element)).XPathSelectElement(what) is { Value.Length: > 0 });

    /// <summary>A member's elements, with those that it inherits in place of its own words for it.</summary>
    private static IReadOnlyList<XElement> Resolved(string id) =>
        !Members.TryGetValue(id, out XElement? member) ? []
            : [.. member.Elements().SelectMany(element => element.Name != "inheritdoc"
                ? [element]
                : Inherited(Resolved(element.Attribute("cref")!.Value), element.Attribute("path")!.Value))];

    private static IEnumerable<XElement> Inherited(IReadOnlyList<XElement> said, string path) =>
        new XElement("said", said).XPathSelectElements(path.Replace("/", "./", StringComparison.Ordinal));

    /// <summary>The name of a method in the compiler's file.</summary>
    private static string Id(MethodBase method)
    {
        string parameters = string.Join(',', method.GetParameters().Select(parameter => Name(parameter.ParameterType)));
        return $"M:{Name(method.DeclaringType!)}.{method.Name.Replace('.', '#')}({parameters})";
    }

    private static string Name(Type type) => type switch
    {
        { IsGenericType: true } =>
            $"{type.Namespace}.{type.Name.Split('`')[0]}{{{string.Join(',', type.GetGenericArguments().Select(Name))}}}",
        { IsArray: true } => $"{Name(type.GetElementType()!)}[]",
        _ => type.FullName!.Replace('+', '.'),
    };
}
