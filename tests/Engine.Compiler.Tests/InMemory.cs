using System.Collections.Immutable;
using System.Reflection;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace Engine.Compiler.Tests;

/// <summary>Runs the generator over source text.</summary>
internal static class InMemory
{
    private static readonly ImmutableArray<MetadataReference> References =
    [
        .. ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator)
            .Where(path => Path.GetFileName(path) is var name
                && (name.StartsWith("System.", StringComparison.Ordinal)
                    || name is "netstandard.dll" or "Engine.Devices.dll" or "ILGPU.dll"))
            .Select(path => MetadataReference.CreateFromFile(path)),
    ];

    /// <param name="Diagnostics">What the generator reported.</param>
    /// <param name="Errors">Errors of the source together with what was generated.</param>
    /// <param name="Generated">The generated files by name.</param>
    internal sealed record Result(
        ImmutableArray<Diagnostic> Diagnostics, ImmutableArray<Diagnostic> Errors, IReadOnlyDictionary<string, string> Generated);

    public static string RepositoryRoot
    {
        get
        {
            DirectoryInfo folder = new(AppContext.BaseDirectory);
            while (!File.Exists(Path.Combine(folder.FullName, "Engine.sln")))
            {
                folder = folder.Parent ?? throw new DirectoryNotFoundException("Engine.sln lies in no folder above the tests.");
            }

            return folder.FullName;
        }
    }

    /// <summary>The ids of all diagnostics of the generator.</summary>
    public static IEnumerable<string> DiagnosticIds =>
        typeof(KernelGenerator).Assembly.GetType("Engine.Compiler.Diagnostics", throwOnError: true)!
            .GetFields(BindingFlags.Static | BindingFlags.Public)
                .Select(descriptor => ((DiagnosticDescriptor)descriptor.GetValue(null)!).Id);

    public static CSharpCompilation Compilation(params string[] sources) => CSharpCompilation.Create(
        "InMemory",
        [.. sources.Prepend(
            "global using Engine.Devices.Kernels; global using ILGPU; global using System; global using Half = System.Half;")
                .Select((s, i) => CSharpSyntaxTree.ParseText(s, path: $"Source{i}.cs"))],
        References,
        new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary, allowUnsafe: true));

    public static GeneratorDriver Driver() => CSharpGeneratorDriver.Create(
        [new KernelGenerator().AsSourceGenerator()],
        driverOptions: new GeneratorDriverOptions(IncrementalGeneratorOutputKind.None, trackIncrementalGeneratorSteps: true));

    public static Result Compile(string source)
    {
        GeneratorDriver driver = Driver()
            .RunGeneratorsAndUpdateCompilation(Compilation(source), out Compilation output, out ImmutableArray<Diagnostic> diagnostics);
        return new Result(
            diagnostics,
            [.. output.GetDiagnostics().Where(d => d.Severity == DiagnosticSeverity.Error)],
            driver.GetRunResult().GeneratedTrees.ToDictionary(tree => Path.GetFileName(tree.FilePath), tree => tree.ToString()));
    }
}
