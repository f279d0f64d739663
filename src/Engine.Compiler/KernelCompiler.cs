using System.Collections.Generic;
using System.Collections.Immutable;
using System.Linq;
using Engine.Compiler.Checks;
using Engine.Compiler.Ilgpu;
using Engine.Compiler.Managed;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Engine.Compiler;

/// <summary>Compiles one <c>[Kernel]</c> method: checks it, prints it for ILGPU and for the managed executor, and its launcher.</summary>
internal static class KernelCompiler
{
    public static KernelModel Compile(IMethodSymbol kernel, MethodDeclarationSyntax declaration, Compilation compilation)
    {
        var log = new CompilationLog();
        INamedTypeSymbol type = kernel.ContainingType;
        string name = $"{type.Name}_{kernel.Name}";
        Location location = declaration.Identifier.GetLocation();
        CheckSignature(kernel, declaration, log);
        string source = string.Empty;
        if (!log.HasErrors && !declaration.ContainsDiagnostics)
        {
            CheckedKernel facts = KernelChecker.Check(compilation, kernel, log);
            if (!log.HasErrors && !log.Invalid && !HasErrors(declaration, compilation))
            {
                (string body, IReadOnlyList<string> helpers) = GroupPrinter.Print(compilation, kernel, name, log);
                IReadOnlyList<string> device = IlgpuPrinter.Print(compilation, kernel, log);
                source = log.HasErrors ? string.Empty : LauncherPrinter.Print(kernel, name, location, facts, device, body, helpers);
            }
        }

        string path = $"{type.ToDisplayString(SymbolDisplayFormat.FullyQualifiedFormat)}.{kernel.Name}Kernel.Definition";
        return new KernelModel(name, source, path, LocationInfo.Of(location), log.Diagnostics);
    }

    /// <summary>Whether C# itself refuses the kernel: then its errors are told, and the generator stays silent.</summary>
    private static bool HasErrors(MethodDeclarationSyntax declaration, Compilation compilation) =>
        compilation.GetSemanticModel(declaration.SyntaxTree)
            .GetDiagnostics(declaration.Span).Any(d => d.Severity == DiagnosticSeverity.Error);

    private static void CheckSignature(IMethodSymbol kernel, MethodDeclarationSyntax declaration, CompilationLog log)
    {
        Location location = declaration.Identifier.GetLocation();
        if (!kernel.IsStatic || !kernel.ReturnsVoid || kernel.IsAsync || (declaration.Body is null && declaration.ExpressionBody is null))
        {
            log.Report(Diagnostics.NotStaticVoid, location, kernel.Name);
        }

        INamedTypeSymbol type = kernel.ContainingType;
        bool partial = type.DeclaringSyntaxReferences.Select(r => r.GetSyntax())
            .OfType<ClassDeclarationSyntax>().Any(c => c.Modifiers.Any(SyntaxKind.PartialKeyword));
        if (!partial || !type.IsStatic || type.ContainingType is not null || type.IsGenericType)
        {
            log.Report(Diagnostics.NotPartial, location, type.Name);
        }

        foreach (ITypeParameterSymbol parameter in kernel.TypeParameters.Where(p => !p.HasUnmanagedTypeConstraint))
        {
            log.Report(Diagnostics.TypeConstraint, parameter.Locations[0], parameter.Name);
        }

        foreach (IParameterSymbol parameter in kernel.Parameters)
        {
            ITypeSymbol parameterType = KernelApi.Underlying(parameter.Type);
            if (KernelApi.IsSpecialized(parameter))
            {
                if (parameter.RefKind != RefKind.None
                    || !(parameter.Type.TypeKind == TypeKind.Enum
                        || parameterType.SpecialType is SpecialType.System_Int32 or SpecialType.System_Boolean))
                {
                    log.Report(Diagnostics.SpecializeType, parameter.Locations[0], parameter.Name, parameter.Type.ToDisplayString());
                }
            }
            else if (parameter.Type.TypeKind != TypeKind.Error
                && (parameter.RefKind != RefKind.None || !(KernelApi.IsOperands(parameter.Type) || IsOperand(parameter.Type))))
            {
                log.Report(Diagnostics.ParameterType, parameter.Locations[0], parameter.Name, parameter.Type.ToDisplayString());
            }
        }
    }

    /// <summary>Whether a launch can pass a value of the type: a view of numbers or of storage types, a number, a bool, an enum.</summary>
    public static bool IsOperand(ITypeSymbol type) => KernelApi.Underlying(type) is { } passed
        && (KernelApi.IsView(passed) ? IsElement(KernelApi.Element(passed)) : ElementTypeName(passed) is not null && !IsStorage(passed));

    private static bool IsElement(ITypeSymbol type) =>
        type is ITypeParameterSymbol || (ElementTypeName(type) is not null && type.SpecialType != SpecialType.System_Boolean);

    private static bool IsStorage(ITypeSymbol type) => ElementTypeName(type) is "Float16" or "BFloat16";

    /// <summary>The member of <c>ElementType</c> that stores a type, or null.</summary>
    public static string? ElementTypeName(ITypeSymbol type) => KernelApi.Underlying(type) switch
    {
        { SpecialType: SpecialType.System_Boolean or SpecialType.System_Byte } => "UInt8",
        { SpecialType: SpecialType.System_SByte } => "Int8",
        { SpecialType: SpecialType.System_Int16 } => "Int16",
        { SpecialType: SpecialType.System_UInt16 } => "UInt16",
        { SpecialType: SpecialType.System_Int32 } => "Int32",
        { SpecialType: SpecialType.System_UInt32 } => "UInt32",
        { SpecialType: SpecialType.System_Int64 } => "Int64",
        { SpecialType: SpecialType.System_UInt64 } => "UInt64",
        { SpecialType: SpecialType.System_Single } => "Float32",
        { SpecialType: SpecialType.System_Double } => "Float64",
        { Name: "Half" } half when half.ContainingNamespace?.ToDisplayString() == "System" => "Float16",
        { } bf16 when KernelApi.IsApi(bf16, "BFloat16") => "BFloat16",
        _ => null,
    };
}
