using System.Reflection;
using Engine.Common.Keys;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace Engine.Keys.Generator.Tests;

/// <summary>What the generator writes of sources that are compiled here, and when it writes anew.</summary>
public sealed class KeyTextGeneratorTests
{
    private const string Source = """
        using Engine.Common.Keys;

        namespace Own;

        public class Outer<T>
        {
            public record Section
            {
                /// <summary>What it does: <c>a</c> and <see cref="Other"/>, not <see cref="System.Math"/>.</summary>
                [Key(Minimum = 0)]
                public double Rate { get; init; }

                /// <summary><para>The other.</para><para>It goes on.</para></summary>
                [Key]
                public int Other { get; init; }
            }
        }
        """;

    private static readonly CSharpParseOptions WithComments = new(documentationMode: DocumentationMode.Parse);

    [Fact]
    public void Each_keys_summary_becomes_an_attribute_of_the_assembly_under_the_types_name_at_run_time()
    {
        (Compilation compilation, GeneratorDriverRunResult result) = Run(Source, WithComments);
        Assert.Empty(result.Diagnostics);
        using var image = new MemoryStream();
        Assert.True(compilation.Emit(image).Success);
        var assembly = Assembly.Load(image.ToArray());
        PropertyInfo rate = assembly.GetType("Own.Outer`1+Section")!.GetProperty("Rate")!;
        IEnumerable<(string, string, string)> texts =
            assembly.GetCustomAttributes<KeyTextAttribute>().Select(text => (text.Type, text.Property, text.Text));
        string type = rate.DeclaringType!.FullName!;
        Assert.Equal([(type, "Rate", "What it does: `a` and `other`, not `Math`."), (type, "Other", "The other. It goes on.")], texts);
    }

    [Theory]
    [InlineData("")]
    [InlineData("/// <summary> </summary>")]
    [InlineData("/// <summary>It is not <b closed.</summary>")]
    [InlineData("/// <returns>Something.</returns>")]
    public void A_key_without_a_summary_is_a_warning_in_its_place(string comment)
    {
        string source = $"using Engine.Common.Keys;\npublic record Section\n{{\n{comment}\n[Key]\npublic int Rate {{ get; init; }}\n}}\n";
        Diagnostic warning = Assert.Single(Run(source, WithComments).Result.Diagnostics);
        Assert.Equal(("KEY0001", DiagnosticSeverity.Warning), (warning.Id, warning.Severity));
        Assert.Equal(5, warning.Location.GetLineSpan().StartLinePosition.Line);
        Assert.Contains("Section.Rate has no <summary>", warning.GetMessage(null), StringComparison.Ordinal);
    }

    [Fact]
    public void Without_documentation_the_warning_names_the_setting() => Assert.All(
        Run(Source, new CSharpParseOptions(documentationMode: DocumentationMode.None)).Result.Diagnostics,
        warning => Assert.Contains("GenerateDocumentationFile", warning.GetMessage(null), StringComparison.Ordinal));

    private static (Compilation Compilation, GeneratorDriverRunResult Result) Run(string source, CSharpParseOptions options)
    {
        IEnumerable<string> libraries = ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator);
        var compilation = CSharpCompilation.Create(
            "Own",
            [CSharpSyntaxTree.ParseText(source, options)],
            libraries.Select(path => MetadataReference.CreateFromFile(path)),
            new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary));
        GeneratorDriver driver = CSharpGeneratorDriver.Create([new KeyTextGenerator().AsSourceGenerator()], parseOptions: options);
        driver = driver.RunGeneratorsAndUpdateCompilation(compilation, out Compilation generated, out _);
        return (generated, driver.GetRunResult());
    }
}
