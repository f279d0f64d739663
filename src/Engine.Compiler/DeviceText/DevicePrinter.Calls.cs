using System.Collections.Generic;
using System.Linq;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Operations;

namespace Engine.Compiler.DeviceText;

/// <summary>Calls: the kernel API, the base library's mathematics, helpers.</summary>
internal sealed partial class DevicePrinter
{
    /// <summary>MathF functions and their names in the preludes.</summary>
    private static readonly Dictionary<string, string> FloatFunctions = new()
    {
        ["Exp"] = "EXP",
        ["Log"] = "LOG",
        ["Log2"] = "LOG2",
        ["Sqrt"] = "SQRT",
        ["Tanh"] = "TANH",
        ["Cos"] = "COS",
        ["Sin"] = "SIN",
        ["Tan"] = "TAN",
        ["Atan"] = "ATAN",
        ["Atan2"] = "ATAN2",
        ["Pow"] = "POW",
        ["Floor"] = "FLOOR",
        ["Ceiling"] = "CEIL",
        ["Truncate"] = "TRUNC",
        ["Round"] = "ROUND_EVEN",
        ["FusedMultiplyAdd"] = "FMA",
        ["CopySign"] = "COPYSIGN",
        ["Abs"] = "abs_float",
        ["Min"] = "min_float",
        ["Max"] = "max_float",
    };

    private static string? Intrinsic(string name) => name switch
    {
        "Grid.IdxX" => "GROUP_ID(0)",
        "Grid.IdxY" => "GROUP_ID(1)",
        "Grid.IdxZ" => "GROUP_ID(2)",
        "Grid.DimX" => "GROUP_COUNT(0)",
        "Grid.DimY" => "GROUP_COUNT(1)",
        "Grid.DimZ" => "GROUP_COUNT(2)",
        "Group.IdxX" => "ITEM_ID",
        "Group.DimX" => "GROUP_SIZE",
        "Warp.LaneIdx" => "LANE_ID",
        "Tile.TeamIdx" => "TILE_TEAM",
        _ => null,
    };

    private string Call(IInvocationOperation call)
    {
        IMethodSymbol method = call.TargetMethod;
        IOperation[] arguments = call.Arguments.OrderBy(a => a.Parameter!.Ordinal).Select(a => a.Value).ToArray();
        if (KernelApi.Intrinsic(method) is { } intrinsic)
        {
            return Intrinsic(intrinsic, call, arguments);
        }

        string type = method.ContainingType.ToDisplayString();
        string? mathematics = type switch
        {
            "System.MathF" or "float" => FloatFunction(method, arguments),
            "System.Math" or "int" or "uint" or "long" or "ulong" => IntegerFunction(method, arguments, call.Syntax.GetLocation()),
            "System.BitConverter" => BitCast(method, arguments),
            _ => null,
        };
        if (mathematics is not null)
        {
            return mathematics;
        }

        if (method.Locations.All(l => !l.IsInSource))
        {
            bool ownLibrary = !type.StartsWith("System.", System.StringComparison.Ordinal) && method.IsStatic;
            log.Report(
                ownLibrary ? Diagnostics.HelperSource : method.IsStatic ? Diagnostics.UnsupportedCall : Diagnostics.VirtualCall,
                call.Syntax, $"{method.ContainingType.Name}.{method.Name}", "use the functions of MathF, Math.Min/Max/Abs/Clamp/BigMul and BitConverter's bit casts that docs/diagnostics.md lists, or write a helper");
            return "0";
        }

        if (!method.IsStatic || method.MethodKind is not (MethodKind.Ordinary or MethodKind.UserDefinedOperator))
        {
            log.Report(Diagnostics.VirtualCall, call.Syntax, method.ToDisplayString(SymbolDisplayFormat.CSharpShortErrorMessageFormat));
            return "0";
        }

        return CallHelper(method, arguments, call.Syntax);
    }

    private string? FloatFunction(IMethodSymbol method, IOperation[] arguments)
    {
        string list = string.Join(", ", arguments.Select(Expression));
        return method.Name switch
        {
            "IsNaN" => $"is_nan({list})",
            "IsInfinity" => $"is_infinite({list})",
            "IsFinite" => $"is_finite({list})",
            "Round" when arguments.Length > 1 => null,
            _ when method.Parameters.Any(p => p.Type.SpecialType != SpecialType.System_Single) => null,
            "Log" when arguments.Length > 1 => null,
            _ => FloatFunctions.TryGetValue(method.Name, out string? name) ? $"{name}({list})" : null,
        };
    }

    private string? IntegerFunction(IMethodSymbol method, IOperation[] arguments, Location location)
    {
        SpecialType type = method.Parameters.FirstOrDefault()?.Type.SpecialType ?? SpecialType.None;
        bool supported = type is SpecialType.System_Int32 or SpecialType.System_UInt32 or SpecialType.System_Int64 or SpecialType.System_UInt64
            or SpecialType.System_Single;
        if (!supported || method.Name is not ("Min" or "Max" or "Abs" or "Clamp" or "BigMul"))
        {
            return null;
        }

        string name = TypeName(method.Parameters[0].Type, location);
        string[] values = arguments.Select(Expression).ToArray();
        return method.Name switch
        {
            "Min" => $"min_{name}({values[0]}, {values[1]})",
            "Max" => $"max_{name}({values[0]}, {values[1]})",
            "Abs" => $"abs_{name}({values[0]})",
            "Clamp" => $"min_{name}(max_{name}({values[0]}, {values[1]}), {values[2]})",
            _ when type == SpecialType.System_UInt32 => $"((u64){Operand(arguments[0])} * (u64){Operand(arguments[1])})",
            _ when type == SpecialType.System_Int32 => $"((i64){Operand(arguments[0])} * (i64){Operand(arguments[1])})",
            _ => null,
        };
    }

    private string? BitCast(IMethodSymbol method, IOperation[] arguments) => method.Name switch
    {
        "SingleToInt32Bits" => $"bits_int({Expression(arguments[0])})",
        "SingleToUInt32Bits" => $"bits_uint({Expression(arguments[0])})",
        "Int32BitsToSingle" => $"bits_float((uint){Operand(arguments[0])})",
        "UInt32BitsToSingle" => $"bits_float({Expression(arguments[0])})",
        _ => null,
    };

    private string Intrinsic(string intrinsic, IInvocationOperation call, IOperation[] arguments)
    {
        Location location = call.Syntax.GetLocation();
        IMethodSymbol method = call.TargetMethod;
        switch (intrinsic)
        {
            case "Group.Barrier":
                return "BARRIER()";
            case "Storage.Load":
                return $"LOAD({TypeName(method.TypeArguments[0], location)}, {ViewOf(arguments[0])?.Pointer}, {Assigned(arguments[1])})";
            case "Storage.Store":
                return $"STORE({TypeName(method.TypeArguments[0], location)}, {ViewOf(arguments[0])?.Pointer}, {Assigned(arguments[1])}, {Assigned(arguments[2])})";
            case "Warp.Shuffle" or "Warp.ShuffleXor" or "Warp.ShuffleDown":
                function.UsesWarp = true;
                string shuffle = method.Name == "Shuffle" ? "SHUFFLE" : method.Name == "ShuffleXor" ? "SHUFFLE_XOR" : "SHUFFLE_DOWN";
                return $"{shuffle}({TypeName(method.Parameters[0].Type, location)}, {Expression(arguments[0])}, {Expression(arguments[1])})";
            case "SharedMemory.Allocate" or "LocalMemory.Allocate":
                log.Report(Diagnostics.AllocationPlace, call.Syntax, intrinsic, "with that type, as in 'ArrayView<float> tile = ...'");
                return "0";
        }

        if (method.ContainingType.Name == "Tile")
        {
            return TileOperation(method, arguments, location);
        }

        if (method.ContainingType.Name == "Atomic")
        {
            return Atomic(method, arguments, location);
        }

        log.Report(Diagnostics.UnsupportedCall, call.Syntax, intrinsic, "use the members that the kernel API documents");
        return "0";
    }

    private string Atomic(IMethodSymbol method, IOperation[] arguments, Location location)
    {
        string name = method.Name switch
        {
            "Add" => "ADD",
            "Max" => "MAX",
            "Min" => "MIN",
            "Exchange" => "EXCHANGE",
            _ => "COMPARE_EXCHANGE",
        };
        string space = Space(arguments[0]);
        if (space == "PRIVATE")
        {
            log.Report(Diagnostics.ViewUse, location, "Atomic operations need an element of a global or shared view; an item's own variables need none");
        }

        string values = string.Join(", ", arguments.Skip(1).Select(Expression));
        return $"ATOMIC_{name}({space}, {TypeName(method.Parameters[0].Type, location)}, {AddressOf(arguments[0])}, {values})";
    }

    private string AddressOf(IOperation target)
    {
        string variable = Expression(target);
        return variable.StartsWith("(*", System.StringComparison.Ordinal) && Parenthesize(variable) == variable
            ? variable.Substring(2, variable.Length - 3)
            : $"&{variable}";
    }

    private string CallHelper(IMethodSymbol called, IOperation[] arguments, SyntaxNode site)
    {
        IMethodSymbol definition = called.OriginalDefinition;
        if (active.Contains(definition))
        {
            log.Report(Diagnostics.Recursion, site, definition.Name);
            return "0";
        }

        var printed = new List<string>();
        var caller = function;
        var callee = new Function(definition, isKernel: false);
        foreach ((ITypeParameterSymbol parameter, ITypeSymbol argument) in definition.TypeParameters.Zip(called.TypeArguments, (p, a) => (p, a)))
        {
            callee.TypeArguments[parameter] = Substitute(argument);
        }

        for (INamedTypeSymbol? open = definition.ContainingType, closed = called.ContainingType; open is not null && closed is not null;)
        {
            foreach ((ITypeParameterSymbol parameter, ITypeSymbol argument) in open.TypeParameters.Zip(closed.TypeArguments, (p, a) => (p, a)))
            {
                callee.TypeArguments[parameter] = Substitute(argument);
            }

            (open, closed) = (open.ContainingType, closed.ContainingType);
        }

        string key = $"{definition.ToDisplayString()}<{string.Join(",", called.TypeArguments.Select(a => TypeName(a, site.GetLocation())))}>";
        for (int i = 0; i < arguments.Length; i++)
        {
            IParameterSymbol parameter = definition.Parameters[i];
            string name = callee.Declare(parameter);
            if (KernelApi.IsSpecialized(parameter))
            {
                if (!IsConstantExtent(arguments[i]))
                {
                    log.Report(Diagnostics.Extent, arguments[i].Syntax, arguments[i].Syntax.ToString());
                }

                string constant = Operand(arguments[i]);
                callee.Constants[parameter] = constant;
                key += $"|{constant}";
            }
            else if (KernelApi.IsView(parameter.Type))
            {
                if (parameter.RefKind is not (RefKind.None or RefKind.In))
                {
                    log.Report(Diagnostics.ViewUse, site, $"View parameter '{parameter.Name}' of '{definition.Name}' cannot be ref or out; pass offsets");
                }

                if (ViewOf(arguments[i]) is { } view)
                {
                    printed.Add(view.Pointer);
                    printed.Add(view.Length);
                    callee.Views[parameter] = view with { Pointer = name, Length = name + "_length", IsArray = false };
                    key += "|" + view.Space;
                }
            }
            else if (parameter.RefKind != RefKind.None)
            {
                IOperation target = arguments[i] is IDeclarationExpressionOperation declared ? declared.Expression : arguments[i];
                if (target is IDiscardOperation || target.ConstantValue.HasValue || Target(target) is not { } variable)
                {
                    log.Report(Diagnostics.UnsupportedExpression, target.Syntax, "A ref, in or out argument that is not a variable", "declare a local for it");
                    continue;
                }

                string space = Space(target);
                callee.References[parameter] = space;
                key += "|" + space;
                printed.Add(AddressOf(target));
            }
            else
            {
                printed.Add(Assigned(arguments[i]));
            }
        }

        if (!helpers.TryGetValue(key, out Helper? helper))
        {
            helper = PrintHelper(definition, callee);
            helpers[key] = helper;
        }

        if (helper.UsesWarp)
        {
            caller.UsesWarp = true;
            printed.Add("warp_scratch");
        }

        return $"{helper.Name}({string.Join(", ", printed)})";
    }

    private Helper PrintHelper(IMethodSymbol definition, Function callee)
    {
        (Function caller, IndentedText callerText) = (function, text);
        (function, text) = (callee, new IndentedText());
        active.Add(definition);
        Location location = definition.Locations[0];
        var parameters = new List<string>();
        foreach (IParameterSymbol parameter in definition.Parameters)
        {
            string name = callee.Name(parameter);
            if (callee.Views.TryGetValue(parameter, out View? view))
            {
                parameters.Add($"{view.Space} {TypeName(KernelApi.Element(parameter.Type), location)}* {name}");
                parameters.Add($"i64 {name}_length");
            }
            else if (callee.References.TryGetValue(parameter, out string? space))
            {
                parameters.Add($"{space} {TypeName(parameter.Type, location)}* {name}");
            }
            else if (!callee.Constants.ContainsKey(parameter))
            {
                parameters.Add($"{TypeName(parameter.Type, location)} {name}");
            }
        }

        string returned = KernelApi.IsView(definition.ReturnType) || definition.ReturnsByRef ? "void" : TypeName(definition.ReturnType, location);
        if (returned == "void" && !definition.ReturnsVoid)
        {
            log.Report(Diagnostics.ViewUse, location, $"Helper '{definition.Name}' cannot return a view or a reference; return an offset");
        }

        string unique = Unique(Identifier(definition));
        Body(definition);
        if (callee.UsesWarp)
        {
            parameters.Add("LOCAL uint* warp_scratch");
        }

        var printed = new IndentedText();
        printed.Line($"FUNCTION {returned} {unique}({(parameters.Count == 0 ? "void" : string.Join(", ", parameters))})");
        printed.Open();
        printed.Append(text);
        printed.Close();
        functions.Add(printed.ToString());
        active.Remove(definition);
        (function, text) = (caller, callerText);
        return new Helper(unique, callee.UsesWarp);
    }

    private static string Identifier(IMethodSymbol method)
    {
        string name = method.MethodKind == MethodKind.UserDefinedOperator ? method.MetadataName.Substring("op_".Length) : method.Name;
        return $"{method.ContainingType.Name}_{name}";
    }
}
