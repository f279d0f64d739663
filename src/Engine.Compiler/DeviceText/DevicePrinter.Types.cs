using System.Linq;
using Microsoft.CodeAnalysis;

namespace Engine.Compiler.DeviceText;

/// <summary>Types and literals.</summary>
internal sealed partial class DevicePrinter
{
    /// <summary>The type with the helper's type parameters replaced by what it was called with.</summary>
    private ITypeSymbol Substitute(ITypeSymbol type)
    {
        if (type is ITypeParameterSymbol parameter)
        {
            return function.TypeArguments.TryGetValue(parameter, out ITypeSymbol? argument) ? argument : type;
        }

        return type is INamedTypeSymbol { IsGenericType: true } named
            ? named.ConstructedFrom.Construct(named.TypeArguments.Select(Substitute).ToArray())
            : type;
    }

    /// <summary>The dialect's name of a type; reports types that device code cannot hold.</summary>
    private string TypeName(ITypeSymbol unbound, Location location)
    {
        ITypeSymbol type = KernelApi.Underlying(Substitute(unbound));
        if (type is ITypeParameterSymbol parameter)
        {
            return "TYPE_" + parameter.Name;
        }

        string? name = type.SpecialType switch
        {
            SpecialType.System_Void => "void",
            SpecialType.System_Boolean => "bool",
            SpecialType.System_SByte => "i8",
            SpecialType.System_Byte => "u8",
            SpecialType.System_Int16 => "i16",
            SpecialType.System_UInt16 => "u16",
            SpecialType.System_Int32 => "int",
            SpecialType.System_UInt32 => "uint",
            SpecialType.System_Int64 => "i64",
            SpecialType.System_UInt64 => "u64",
            SpecialType.System_Single => "float",
            SpecialType.System_Double => "double",
            _ => null,
        };
        name ??= IsHalf(type) ? "f16" : KernelApi.IsApi(type, "BFloat16") ? "bf16" : null;
        name ??= KernelApi.TileName(type) is { } tile ? TileTypeName(tile, (INamedTypeSymbol)type, location) : null;
        name ??= KernelApi.IsUserStruct(type) ? StructName((INamedTypeSymbol)type, location) : null;
        if (name is null)
        {
            if (type.TypeKind == TypeKind.Error)
            {
                log.Invalid = true;
            }
            else
            {
                log.Report(Diagnostics.ReferenceType, location, type.ToDisplayString());
            }
        }

        return name ?? "int";
    }

    /// <summary>The name of a type where its size is fixed by C#: struct fields and kernel arguments. OpenCL's bool has no fixed size.</summary>
    private string FieldTypeName(ITypeSymbol type, Location location) =>
        Substitute(type).SpecialType == SpecialType.System_Boolean ? "u8" : TypeName(type, location);

    private static bool IsHalf(ITypeSymbol type) => type.Name == "Half" && type.ContainingNamespace?.ToDisplayString() == "System";

    private string StructName(INamedTypeSymbol type, Location location)
    {
        string key = type.ToDisplayString(SymbolDisplayFormat.FullyQualifiedFormat);
        if (structNames.TryGetValue(key, out string? known))
        {
            return known;
        }

        string name = Unique(type.Name);
        structNames[key] = name;
        IFieldSymbol[] fields = Fields(type);
        var lines = new IndentedText();
        lines.Open("typedef struct");
        foreach (IFieldSymbol field in fields)
        {
            if (KernelApi.IsView(field.Type) || field.AssociatedSymbol is not null || field.IsFixedSizeBuffer)
            {
                log.Report(
                    Diagnostics.ViewUse, location,
                    $"Struct '{type.Name}' cannot be used in a kernel: '{(field.AssociatedSymbol ?? field).Name}' must be a plain field that is a number or a struct; pass views as parameters");
                continue;
            }

            lines.Line($"{FieldTypeName(field.Type, location)} {FieldName(field)};");
        }

        lines.Close($" {name};");
        lines.Line();
        structs.Append(lines);
        return name;
    }

    private static IFieldSymbol[] Fields(INamedTypeSymbol type) =>
        type.GetMembers().OfType<IFieldSymbol>().Where(f => !f.IsStatic && !f.IsConst).ToArray();

    private static string FieldName(IFieldSymbol field) => "m_" + field.Name;

    /// <summary>A name that no function or struct of the text has yet.</summary>
    private string Unique(string name)
    {
        string unique = name;
        for (int i = 2; !functionNames.Add(unique); i++)
        {
            unique = $"{name}_{i}";
        }

        return unique;
    }
}
