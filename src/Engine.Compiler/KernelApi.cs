using System.Linq;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace Engine.Compiler;

/// <summary>Recognises the kernel-side API among symbols.</summary>
internal static class KernelApi
{
    public const string Namespace = "Engine.Devices.Kernels";
    public const string KernelAttribute = Namespace + ".KernelAttribute";

    public static bool IsApi(ITypeSymbol? type, string name) =>
        type is not null && type.Name == name && type.ContainingNamespace?.ToDisplayString() == Namespace;

    public static bool IsView(ITypeSymbol? type) => IsApi(type, "ArrayView");

    /// <summary>The element type of an <c>ArrayView</c>.</summary>
    public static ITypeSymbol Element(ITypeSymbol view) => ((INamedTypeSymbol)view).TypeArguments[0];

    /// <summary>The dialect's name of a tile type, or null.</summary>
    public static string? TileName(ITypeSymbol? type) =>
        IsApi(type, "TileA") ? "tile_a" : IsApi(type, "TileB") ? "tile_b" : IsApi(type, "TileSum") ? "tile_sum" : null;

    public static bool IsSpecialized(IParameterSymbol parameter) =>
        parameter.GetAttributes().Any(a => IsApi(a.AttributeClass, "SpecializeAttribute"));

    /// <summary>A struct that a user declared: no primitive, no enum, nothing of the kernel API or the base library.</summary>
    public static bool IsUserStruct(ITypeSymbol type) =>
        type.TypeKind == TypeKind.Struct && type.SpecialType == SpecialType.None && type.IsUnmanagedType
        && type.OriginalDefinition.Locations.Any(l => l.IsInSource) && !type.IsTupleType && type.ContainingNamespace?.ToDisplayString() != Namespace;

    /// <summary>The type with enums replaced by the integers below them.</summary>
    public static ITypeSymbol Underlying(ITypeSymbol type) =>
        type is INamedTypeSymbol { TypeKind: TypeKind.Enum, EnumUnderlyingType: { } integer } ? integer : type;

    /// <summary>A name as C# code writes it.</summary>
    public static string Escape(string name) => SyntaxFacts.GetKeywordKind(name) == SyntaxKind.None ? name : "@" + name;

    /// <summary>The kernel API's intrinsic a static member is, as "Type.Member", or null.</summary>
    public static string? Intrinsic(ISymbol symbol) =>
        symbol is { IsStatic: true, ContainingType: { } type } && type.ContainingNamespace?.ToDisplayString() == Namespace
        && type.Name is "Grid" or "Group" or "Warp" or "Atomic" or "SharedMemory" or "LocalMemory" or "Storage" or "Tile"
            ? $"{type.Name}.{symbol.Name}"
            : null;
}
