using Microsoft.CodeAnalysis;

namespace Engine.Compiler.DeviceText;

/// <summary>Tiles: their types, and the operations that a team of items does together.</summary>
internal sealed partial class DevicePrinter
{
    private string TileTypeName(string name, INamedTypeSymbol type, Location location)
    {
        usesTiles = true;
        if (type.IsGenericType)
        {
            TileElement(type.TypeArguments[0], location);
        }

        return name;
    }

    /// <summary>The dialect's name of a tile's element type.</summary>
    private string TileElement(ITypeSymbol unbound, Location location)
    {
        ITypeSymbol type = Substitute(unbound);
        if (type is ITypeParameterSymbol parameter)
        {
            tileTypes.Add(parameter.Name);
        }
        else if (StorageName(type) is null && type.TypeKind != TypeKind.Error)
        {
            log.Report(Diagnostics.TileUse, location, $"A tile of '{type.ToDisplayString()}' has no matrix units; tiles are made of Half or BFloat16: round with Storage.Store to a shared view of one of them");
        }

        return TypeName(type, location);
    }

    private string TileOperation(IMethodSymbol method, IOperation[] arguments, Location location)
    {
        usesTiles = true;
        switch (method.Name)
        {
            case "LoadA" or "LoadB":
                TileElement(method.TypeArguments[0], location);
                return $"TILE_LOAD_{method.Name[4]}({TileMemory(arguments[0])}, {Assigned(arguments[1])}, {Assigned(arguments[2])}, {Assigned(arguments[3])})";
            case "Zero":
                return "tile_zero()";
            case "MultiplyAdd":
                return $"TILE_MULTIPLY_ADD({TileElement(method.TypeArguments[0], location)}, {Expression(arguments[0])}, {Expression(arguments[1])}, {Expression(arguments[2])})";
            case "ScaleRows":
                return $"TILE_SCALE_ROWS({TileMemory(arguments[1])}, {Assigned(arguments[2])}, {Expression(arguments[0])})";
            default:
                return $"TILE_STORE({TileMemory(arguments[1])}, {Assigned(arguments[2])}, {Assigned(arguments[3])}, {Expression(arguments[0])})";
        }
    }

    /// <summary>Address space and pointer of a view that all items of a team see.</summary>
    private string TileMemory(IOperation argument)
    {
        View? view = ViewOf(argument);
        if (view is { Space: "PRIVATE" })
        {
            log.Report(Diagnostics.TileUse, argument.Syntax, $"'{argument.Syntax}' is memory of one work-item, and a team of items holds a tile together; use a shared or global view");
        }

        return $"{view?.Space ?? "LOCAL"}, {view?.Pointer ?? "0"}";
    }
}
