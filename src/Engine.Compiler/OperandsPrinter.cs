using System.Collections.Generic;
using System.Linq;
using Engine.Compiler.Managed;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Engine.Compiler;

/// <summary>
/// Prints the two other forms of an <c>[Operands]</c> struct, nested in it: what a launch is bound to, and what the managed executor reads.
/// </summary>
internal static class OperandsPrinter
{
    /// <summary>The form whose views are windows of buffers.</summary>
    public const string HostForm = "Buffers";

    /// <summary>The form whose views are the cpu device's.</summary>
    public const string CpuForm = "CpuViews";

    public static KernelModel Print(INamedTypeSymbol operands)
    {
        var log = new CompilationLog();
        Check(operands, log);
        string space = operands.ContainingNamespace.IsGlobalNamespace ? string.Empty : operands.ContainingNamespace.ToDisplayString() + ".";
        string name = space + string.Join(".", Chain(operands).Reverse().Select(type => type.MetadataName.Replace('`', '_')));
        string source = log.HasErrors ? string.Empty : Source(operands);
        return new KernelModel(name, source, string.Empty, LocationInfo.Of(operands.Locations[0]), log.Diagnostics);
    }

    /// <summary>The type of a field, or of a parameter, in the form that launches are bound to.</summary>
    public static string HostType(ITypeSymbol type) =>
        KernelApi.IsView(type) ? $"global::Engine.Devices.BufferView<{Scope.ManagedType(KernelApi.Element(type))}>"
        : KernelApi.IsOperands(type) ? $"{KernelApi.FullName(type, Scope.ManagedType)}.{HostForm}"
        : Scope.ManagedType(type);

    private static void Check(INamedTypeSymbol operands, CompilationLog log)
    {
        bool printable = Chain(operands)
            .All(type => IsPartial(type) && !type.IsRecord && type.TypeKind is TypeKind.Struct or TypeKind.Class);
        if (!printable || Chain(operands).Skip(1).Any(type => type.IsGenericType))
        {
            Refuse(operands, "it must be a partial struct, in partial classes or structs that are not generic; records are neither");
        }

        if (!KernelApi.Fields(operands).Any())
        {
            Refuse(operands, "it has no fields");
        }

        foreach (IFieldSymbol field in KernelApi.Fields(operands))
        {
            string name = (field.AssociatedSymbol ?? field).Name;
            if (name is HostForm or CpuForm)
            {
                Refuse(field, $"'{name}' is the name of a form that the build adds; choose another");
            }
            else if (field.AssociatedSymbol is not null || field.DeclaredAccessibility == Accessibility.Private || field.IsReadOnly)
            {
                Refuse(field, $"'{name}' must be a field that is public or internal and not readonly");
            }
            else if (field.Type.TypeKind != TypeKind.Error && !IsPassed(field.Type))
            {
                string type = field.Type.ToDisplayString();
                Refuse(
                    field,
                    $"'{name}' of type '{type}' cannot be passed; use ArrayViews of numbers or of a type parameter, numbers, "
                        + $"bools and enums");
            }
        }

        void Refuse(ISymbol at, string why) => log.Report(Diagnostics.Operands, at.Locations[0], operands.Name, why);
    }

    private static bool IsPassed(ITypeSymbol type) =>
        KernelCompiler.IsOperand(type) && !(KernelApi.IsView(type) && KernelApi.Is16BitFloat(KernelApi.Element(type)));

    /// <summary>A type and those it is nested in, the innermost first.</summary>
    private static IEnumerable<INamedTypeSymbol> Chain(INamedTypeSymbol type)
    {
        for (INamedTypeSymbol? next = type; next is not null; next = next.ContainingType)
        {
            yield return next;
        }
    }

    private static bool IsPartial(INamedTypeSymbol type) => type.DeclaringSyntaxReferences
        .Select(reference => reference.GetSyntax()).OfType<TypeDeclarationSyntax>()
        .Any(declaration => declaration.Modifiers.Any(SyntaxKind.PartialKeyword));

    private static string Source(INamedTypeSymbol operands)
    {
        var text = new IndentedText();
        if (!operands.ContainingNamespace.IsGlobalNamespace)
        {
            text.Line($"namespace {operands.ContainingNamespace.ToDisplayString()};");
            text.Line();
        }

        INamedTypeSymbol[] outer = Chain(operands).Skip(1).Reverse().ToArray();
        foreach (INamedTypeSymbol type in outer)
        {
            string kind = type.TypeKind == TypeKind.Struct ? "struct" : "class";
            text.Open($"{(type.IsStatic ? "static " : string.Empty)}partial {kind} {KernelApi.Escape(type.Name)}");
        }

        string generics = operands.IsGenericType ? $"<{string.Join(", ", operands.TypeParameters.Select(t => t.Name))}>" : string.Empty;
        text.Open($"partial struct {KernelApi.Escape(operands.Name)}{generics}");
        Form(operands, HostForm,
            "The operands as a launch is bound to them; a view that is left out is absent, of length 0 for the kernel.", HostType, text);
        text.Line();
        Form(operands, CpuForm, "The operands as the cpu device's executor reads them.", Scope.ManagedType, text);
        text.Close();
        foreach (INamedTypeSymbol _ in outer)
        {
            text.Close();
        }

        return LauncherPrinter.File(text);
    }

    private static void Form(
        INamedTypeSymbol operands, string name, string summary, System.Func<ITypeSymbol, string> typeText, IndentedText text)
    {
        text.Line($"/// <summary>{summary}</summary>");
        text.Open($"public struct {name}");
        foreach (IFieldSymbol field in KernelApi.Fields(operands))
        {
            string access = field.DeclaredAccessibility == Accessibility.Public ? "public" : "internal";
            text.Line($"{access} {typeText(field.Type)} {KernelApi.Escape(field.Name)};");
        }

        text.Close();
    }
}
