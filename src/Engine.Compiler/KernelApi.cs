using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace Engine.Compiler;

/// <summary>Recognises the kernel-side API among symbols.</summary>
internal static class KernelApi
{
    public const string Namespace = "Engine.Devices.Kernels";
    /// <summary>Where views, places in the grid and memory of groups and items come from.</summary>
    private const string Ilgpu = "ILGPU";

    public const string KernelAttribute = Namespace + ".KernelAttribute";

    public const string OperandsAttribute = Namespace + ".OperandsAttribute";

    public static bool IsApi(ITypeSymbol? type, string name) =>
        type is not null && type.Name == name && IsOf(type, Namespace);

    public static bool IsView(ITypeSymbol? type) => type is { Name: "ArrayView" } && IsOf(type, Ilgpu);

    /// <summary>The element type of an <c>ArrayView</c>.</summary>
    public static ITypeSymbol Element(ITypeSymbol view) => ((INamedTypeSymbol)view).TypeArguments[0];

    /// <summary>A part of a tile: of an operand, or of sums.</summary>
    public static bool IsTile(ITypeSymbol? type) => IsTileOperand(type) || IsApi(type, "TileSum");

    public static bool IsTileOperand(ITypeSymbol? type) => IsApi(type, "TileA") || IsApi(type, "TileB");

    public static bool IsSpecialized(IParameterSymbol parameter) =>
        parameter.GetAttributes().Any(a => IsApi(a.AttributeClass, "SpecializeAttribute"));

    /// <summary>The largest value that a <c>[Specialize]</c> parameter declares; null where it declares none.</summary>
    public static int? Most(IParameterSymbol parameter) =>
        parameter.GetAttributes().FirstOrDefault(a => IsApi(a.AttributeClass, "SpecializeAttribute"))?.NamedArguments
            .Where(argument => argument.Key == "Most").Select(argument => argument.Value.Value as int?).FirstOrDefault();

    /// <summary>A struct of views and numbers that a kernel takes as one parameter.</summary>
    public static bool IsOperands(ITypeSymbol? type) =>
        type is INamedTypeSymbol && type.OriginalDefinition.GetAttributes().Any(a => IsApi(a.AttributeClass, "OperandsAttribute"));

    /// <summary>The fields of operands, in the order of their declaration.</summary>
    public static IEnumerable<IFieldSymbol> Fields(ITypeSymbol operands) =>
        operands.GetMembers().OfType<IFieldSymbol>().Where(field => !field.IsStatic && !field.IsConst);

    /// <summary>A type's name in full, with its type arguments as <paramref name="text"/> writes them.</summary>
    public static string FullName(ITypeSymbol type, Func<ITypeSymbol, string> text)
    {
        string name = type.ToDisplayString(SymbolDisplayFormat.FullyQualifiedFormat.WithGenericsOptions(SymbolDisplayGenericsOptions.None));
        return type is INamedTypeSymbol { IsGenericType: true } named
            ? $"{name}<{string.Join(", ", named.TypeArguments.Select(text))}>"
            : name;
    }

    /// <summary>A type that kernels store floats in and never compute with.</summary>
    public static bool Is16BitFloat(ITypeSymbol type) =>
        IsApi(type, "BFloat16") || (type.Name == "Half" && type.ContainingNamespace?.ToDisplayString() == "System");

    /// <summary>A struct that a user declared: no primitive, no enum, nothing of the kernel API or the base library.</summary>
    public static bool IsUserStruct(ITypeSymbol type) =>
        type.TypeKind == TypeKind.Struct && type.SpecialType == SpecialType.None && type.IsUnmanagedType
        && type.OriginalDefinition.Locations.Any(l => l.IsInSource) && !type.IsTupleType
            && type.ContainingNamespace?.ToDisplayString() != Namespace;

    /// <summary>The type with enums replaced by the integers below them.</summary>
    public static ITypeSymbol Underlying(ITypeSymbol type) =>
        type is INamedTypeSymbol { TypeKind: TypeKind.Enum, EnumUnderlyingType: { } integer } ? integer : type;

    /// <summary>A name as C# code writes it.</summary>
    public static string Escape(string name) => SyntaxFacts.GetKeywordKind(name) == SyntaxKind.None ? name : "@" + name;

    /// <summary>The kernel API's intrinsic a static member is, as "Type.Member", or null.</summary>
    public static string? Intrinsic(ISymbol symbol) =>
        symbol is { IsStatic: true, ContainingType: { } type }
        && ((IsOf(type, Ilgpu) && type.Name is "Grid" or "Group" or "Warp" or "Atomic" or "SharedMemory" or "LocalMemory")
            || (IsOf(type, Namespace) && type.Name is "Storage" or "Tile" or "TileCopy"))
            ? $"{type.Name}.{symbol.Name}"
            : null;

    /// <summary>The type that stands for one of ILGPU's in the managed executor, or null where the type stands for itself.</summary>
    public static string? ManagedName(ITypeSymbol type) =>
        !IsOf(type, Ilgpu) ? null : type.Name switch
        {
            "ArrayView" => "global::Engine.Devices.Cpu.CpuView",
            "Atomic" => "global::Engine.Devices.Cpu.CpuAtomic",
            _ => null,
        };

    private static bool IsOf(ITypeSymbol type, string space) => type.ContainingNamespace?.ToDisplayString() == space;
}
