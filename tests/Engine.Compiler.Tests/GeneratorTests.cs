using Microsoft.CodeAnalysis;

namespace Engine.Compiler.Tests;

/// <summary>The generator as a citizen of the build: deterministic, incremental, its output without errors.</summary>
public class GeneratorTests
{
    private const string Kernel = """
        internal static partial class Kernels
        {
            [Kernel]
            public static void Copy<T>(ArrayView<T> x, ArrayView<T> y, [Specialize] DayOfWeek day, bool @checked)
                where T : unmanaged
            {
                y[Group.IdxX] = x[@checked ? 0 : (int)day];
            }
        }
        """;

    [Fact]
    public void Generated_code_compiles_and_the_registry_lists_it()
    {
        InMemory.Result result = InMemory.Compile(Kernel);
        Assert.Empty(result.Errors);
        Assert.Equal(["KernelRegistry.g.cs", "Kernels_Copy.g.cs"], result.Generated.Keys.Order());
        Assert.Contains("global::Kernels.CopyKernel.Definition", result.Generated["KernelRegistry.g.cs"]);
    }

    [Fact]
    public void The_same_source_gives_the_same_text() =>
        Assert.Equal(InMemory.Compile(Kernel).Generated, InMemory.Compile(Kernel).Generated);

    [Fact]
    public void An_edit_elsewhere_emits_nothing_again()
    {
        Compilation before = InMemory.Compilation(Kernel, "internal class Other { }");
        Compilation after = before.ReplaceSyntaxTree(
            before.SyntaxTrees.Last(),
            Microsoft.CodeAnalysis.CSharp.CSharpSyntaxTree.ParseText("internal class Renamed { }", path: "Source2.cs"));
        GeneratorDriverRunResult run = InMemory.Driver().RunGenerators(before).RunGenerators(after).GetRunResult();
        Assert.All(
            run.Results[0].TrackedOutputSteps.SelectMany(steps => steps.Value).SelectMany(step => step.Outputs),
            output => Assert.Equal(IncrementalStepRunReason.Cached, output.Reason));
    }

    [Fact]
    public void An_assembly_without_kernels_gets_no_registry() => Assert.Empty(InMemory.Compile("internal class Other { }").Generated);
}
