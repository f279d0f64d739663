using System.Collections.Generic;
using System.Linq;
using Engine.Compiler.Managed;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Engine.Compiler.Ilgpu;

/// <summary>A method as it is called: its definition, and the positions of parameters that are views of local memory.</summary>
internal sealed record Specimen(IMethodSymbol Method, IReadOnlyList<int> LocalViews)
{
    public string Key { get; } = $"{Method.OriginalDefinition.ToDisplayString()}|{string.Join(",", LocalViews)}";
}

/// <summary>
/// Prints a kernel as the C# that ILGPU compiles: loops whose variable indexes local memory are unrolled, so that local memory becomes
/// registers (ILGPU unrolls nothing itself), and reads and writes of storage types go through a witness type beside each type parameter.
/// <c>[Specialize]</c> parameters stay parameters: the entry point that
/// <c>Engine.Devices</c> makes for a variant passes constants, and ILGPU folds what depends on them. Helpers without local memory or
/// storage types are called where they stand.
/// </summary>
internal sealed class IlgpuPrinter
{
    private const string Kernels = "global::Engine.Devices.Kernels.";

    private readonly CompilationLog log;
    private readonly Collectives collectives;
    private readonly LocalIndices indices;
    private readonly IlgpuText text;
    private readonly Dictionary<string, string> names = new();
    private readonly List<string> printed = new();

    private IlgpuPrinter(Compilation compilation, CompilationLog log)
    {
        this.log = log;
        collectives = new Collectives(compilation);
        indices = new LocalIndices(collectives);
        text = new IlgpuText(collectives, indices, Copy);
    }

    /// <summary>The method <c>Run</c> with the kernel's parameters, and the helpers it calls in printed copies.</summary>
    public static IReadOnlyList<string> Print(Compilation compilation, IMethodSymbol kernel, CompilationLog log)
    {
        var printer = new IlgpuPrinter(compilation, log);
        printer.Method(new Specimen(kernel, System.Array.Empty<int>()), "Run", "internal");
        return printer.printed;
    }

    /// <summary>A type as device code holds it: 16-bit floats are their bits.</summary>
    public static string TypeText(ITypeSymbol type) =>
        KernelApi.IsView(type) ? $"global::ILGPU.ArrayView<{TypeText(KernelApi.Element(type))}>"
        : KernelApi.Is16BitFloat(type) ? "ushort"
        : KernelApi.IsTile(type) ? Kernels + (KernelApi.IsTileOperand(type) ? "TileRegisters" : "SumRegisters")
        : KernelApi.IsOperands(type) ? KernelApi.FullName(type, TypeText)
        : type.ToDisplayString(SymbolDisplayFormat.FullyQualifiedFormat);

    /// <summary>The witness of a storage type: how its elements become float and float becomes them.</summary>
    public static string Witness(ITypeSymbol type) => type is ITypeParameterSymbol parameter
        ? parameter.Name + "_Storage"
        : $"{Kernels}{KernelCompiler.ElementTypeName(type)}Storage";

    /// <summary>The name of a helper's printed copy; prints it on first need.</summary>
    private string Copy(Specimen specimen)
    {
        if (!names.TryGetValue(specimen.Key, out string? name))
        {
            name = $"{specimen.Method.ContainingType.Name}_{specimen.Method.Name}_{names.Count}";
            names[specimen.Key] = name;
            Method(specimen, name, "private");
        }

        return name;
    }

    private void Method(Specimen specimen, string name, string access)
    {
        IMethodSymbol method = specimen.Method;
        MethodDeclarationSyntax declaration = Collectives.Declaration(method)!;
        var scope = new IlgpuScope(indices.LocalViews(specimen), indices.Indexing(specimen), new ConstantRanges(collectives), log);
        string types = method.TypeParameters.Length == 0 ? string.Empty
            : $"<{string.Join(", ", method.TypeParameters.Select(t => $"{t.Name}, {Witness(t)}"))}>";
        string constraints = string.Concat(
            method.TypeParameters.Select(t => $" where {t.Name} : unmanaged where {Witness(t)} : struct, {Kernels}IStorage<{t.Name}>"));
        string parameters = string.Join(
            ", ", method.Parameters.Select(p => $"{Reference(p.RefKind)}{TypeText(p.Type)} {KernelApi.Escape(p.Name)}{Default(p)}"));
        string body = declaration.Body is { } block
            ? text.Print(block, scope)
            : $"=> {text.Print(declaration.ExpressionBody!.Expression, scope)};";
        printed.Add($"{access} static {TypeText(method.ReturnType)} {name}{types}({parameters}){constraints} {body}");
    }

    private static string Reference(RefKind kind) => kind switch
    {
        RefKind.Ref => "ref ",
        RefKind.Out => "out ",
        RefKind.In => "in ",
        _ => string.Empty,
    };

    private static string Default(IParameterSymbol parameter) => !parameter.HasExplicitDefaultValue ? string.Empty
        : parameter.ExplicitDefaultValue is not { } value ? " = default"
        : $" = ({TypeText(parameter.Type)})({SymbolDisplay.FormatPrimitive(value, quoteStrings: false, useHexadecimalNumbers: false)})";
}
