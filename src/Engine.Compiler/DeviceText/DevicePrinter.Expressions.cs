using System.Collections.Generic;
using System.Linq;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Operations;

namespace Engine.Compiler.DeviceText;

/// <summary>Expressions: operators, conversions, assignments, references.</summary>
internal sealed partial class DevicePrinter
{
    private string Expression(IOperation operation)
    {
        if (operation.ConstantValue is { HasValue: true, Value: { } constant } && Literals.Print(constant) is { } literal)
        {
            return literal;
        }

        switch (operation)
        {
            case IInvalidOperation:
                Invalid(operation);
                return "0";
            case IParenthesizedOperation inner:
                return Expression(inner.Operand);
            case ILocalReferenceOperation local:
                return Reference(local.Local, local);
            case IParameterReferenceOperation parameter:
                return Reference(parameter.Parameter, parameter);
            case IDeclarationExpressionOperation declaration:
                return Expression(declaration.Expression);
            case IFieldReferenceOperation field:
                return Field(field);
            case IPropertyReferenceOperation property:
                return Property(property);
            case IConversionOperation conversion:
                return Conversion(conversion);
            case IUnaryOperation unary:
                return Unary(unary);
            case IBinaryOperation binary:
                return Binary(binary);
            case IConditionalOperation { Type: not null, WhenFalse: { } whenFalse } choice:
                return $"{Operand(choice.Condition)} ? {Operand(choice.WhenTrue)} : {Operand(whenFalse)}";
            case IInvocationOperation call:
                return Call(call);
            case IObjectCreationOperation creation:
                return Creation(creation);
            case IDefaultValueOperation zero:
                return Default(zero.Type!, zero.Syntax.GetLocation());
            case ISizeOfOperation size:
                return $"(int)sizeof({TypeName(size.TypeOperand, size.Syntax.GetLocation())})";
            case IAssignmentOperation or IIncrementOrDecrementOperation:
                log.Report(Diagnostics.SideEffect, operation.Syntax, operation.Syntax.ToString());
                return "0";
            case IArrayElementReferenceOperation element:
                return Expression(element.ArrayReference);
            case IThrowOperation:
                log.Report(Diagnostics.Exceptions, operation.Syntax);
                return "0";
            case IArrayCreationOperation or IAnonymousObjectCreationOperation or IDelegateCreationOperation or ICollectionExpressionOperation:
                log.Report(Diagnostics.Allocation, operation.Syntax, operation.Syntax.ToString());
                return "0";
            case IInterpolatedStringOperation:
                log.Report(Diagnostics.ReferenceType, operation.Syntax, "string");
                return "0";
            default:
                if (operation is { Type.IsReferenceType: true, ConstantValue.HasValue: true })
                {
                    log.Report(Diagnostics.ReferenceType, operation.Syntax, operation.Type!.ToDisplayString());
                }
                else
                {
                    (string what, string instead) = UnsupportedExpressionText(operation);
                    log.Report(Diagnostics.UnsupportedExpression, operation.Syntax, what, instead);
                }

                return "0";
        }
    }

    private static (string What, string Instead) UnsupportedExpressionText(IOperation operation) => operation switch
    {
        ISwitchExpressionOperation => ("A switch expression", "use ?: or a switch statement"),
        IIsPatternOperation => ("A pattern", "write the comparison"),
        ITupleOperation => ("A tuple", "use a struct or out parameters"),
        IAnonymousFunctionOperation => ("A lambda", "write a static method"),
        _ => ($"The expression '{operation.Kind}'", "use arithmetic on numbers, views and structs"),
    };

    /// <summary>An expression that can stand beside an operator: in parentheses unless it is a name, a number or a call.</summary>
    private string Operand(IOperation operation) => Parenthesize(Expression(operation));

    private static string Parenthesize(string expression)
    {
        int depth = 0;
        foreach (char c in expression)
        {
            depth += c is '(' or '[' ? 1 : c is ')' or ']' ? -1 : 0;
            if (depth == 0 && !(char.IsLetterOrDigit(c) || c is '_' or '.' or ')' or ']'))
            {
                return $"({expression})";
            }
        }

        return expression;
    }

    /// <summary>A value for a variable of the same type: C converts integers implicitly as C# does.</summary>
    private string Assigned(IOperation value) =>
        value is IConversionOperation { IsImplicit: true, OperatorMethod: null, Operand: { } operand } conversion
        && !conversion.ConstantValue.HasValue && IsNumber(operand.Type) && IsNumber(conversion.Type)
            ? Expression(operand)
            : Expression(value);

    private string Reference(ISymbol symbol, IOperation operation)
    {
        if (function.Constants.TryGetValue(symbol, out string? constant))
        {
            return constant;
        }

        if (KernelApi.IsView(operation.Type))
        {
            return ViewOf(operation)?.Pointer ?? "0";
        }

        // A type that cannot be printed is reported where it is declared; a lambda's captures have no declaration.
        string name = function.Name(symbol);
        return function.References.ContainsKey(symbol) ? $"(*{name})" : name;
    }

    private string Field(IFieldReferenceOperation field)
    {
        if (field.Field.IsStatic || field.Instance is null)
        {
            log.Report(Diagnostics.StaticState, field.Syntax, field.Syntax.ToString());
            return "0";
        }

        TypeName(field.Field.ContainingType, field.Syntax.GetLocation());
        return $"{Expression(field.Instance)}.{FieldName(field.Field)}";
    }

    private string Property(IPropertyReferenceOperation property)
    {
        if (KernelApi.Intrinsic(property.Property) is { } intrinsic && Intrinsic(intrinsic) is { } value)
        {
            usesTiles |= intrinsic == "Tile.TeamIdx";
            return value;
        }

        if (property.Instance is { } instance)
        {
            if (KernelApi.IsView(instance.Type))
            {
                View? view = ViewOf(instance);
                return property.Property.Name switch
                {
                    "Length" => view?.Length ?? "0",
                    "IntLength" => $"(int){view?.Length ?? "0"}",
                    _ => $"{view?.Pointer ?? "0"}[{Assigned(property.Arguments[0].Value)}]",
                };
            }
        }

        log.Report(
            property.Property.IsStatic && property.Property.SetMethod is not null ? Diagnostics.StaticState : Diagnostics.UnsupportedCall,
            property.Syntax, property.Syntax.ToString(), "use fields of structs, and constants");
        return "0";
    }

    private string Unary(IUnaryOperation unary)
    {
        if (unary.OperatorMethod is { } method && KernelApi.IsUserStruct(method.ContainingType))
        {
            return CallHelper(method, new[] { unary.Operand }, unary.Syntax);
        }

        return unary.OperatorKind switch
        {
            UnaryOperatorKind.Plus => Expression(unary.Operand),
            UnaryOperatorKind.Minus => $"-{Operand(unary.Operand)}",
            UnaryOperatorKind.BitwiseNegation => $"~{Operand(unary.Operand)}",
            UnaryOperatorKind.Not => $"!{Operand(unary.Operand)}",
            _ => Unsupported(unary),
        };
    }

    private string Binary(IBinaryOperation binary)
    {
        if (binary.IsChecked)
        {
            log.Report(Diagnostics.UnsupportedExpression, binary.Syntax, "Checked arithmetic", "leave out 'checked': integers wrap");
        }

        if (binary.OperatorMethod is { } method && KernelApi.IsUserStruct(method.ContainingType))
        {
            return CallHelper(method, new[] { binary.LeftOperand, binary.RightOperand }, binary.Syntax);
        }

        if (binary.OperatorMethod is not null)
        {
            log.Report(
                Diagnostics.UnsupportedCall, binary.Syntax, binary.Syntax.ToString(),
                "compute in float: convert with (float), or read with Storage.Load");
            return "0";
        }

        return BinaryText(binary.OperatorKind, binary.LeftOperand.Type!, Operand(binary.LeftOperand), binary.RightOperand) ?? Unsupported(binary);
    }

    private string? BinaryText(BinaryOperatorKind kind, ITypeSymbol type, string left, IOperation rightOperation)
    {
        string right = Operand(rightOperation);
        return kind switch
        {
            BinaryOperatorKind.Add => $"{left} + {right}",
            BinaryOperatorKind.Subtract => $"{left} - {right}",
            BinaryOperatorKind.Multiply => $"{left} * {right}",
            BinaryOperatorKind.Divide => $"{left} / {right}",
            BinaryOperatorKind.Remainder when IsFloat(type) => $"fmod_{TypeName(type, rightOperation.Syntax.GetLocation())}({left}, {right})",
            BinaryOperatorKind.Remainder => $"{left} % {right}",
            BinaryOperatorKind.And => $"{left} & {right}",
            BinaryOperatorKind.Or => $"{left} | {right}",
            BinaryOperatorKind.ExclusiveOr => $"{left} ^ {right}",
            BinaryOperatorKind.LeftShift => $"{left} << {ShiftCount(type, rightOperation)}",
            BinaryOperatorKind.RightShift => $"{left} >> {ShiftCount(type, rightOperation)}",
            BinaryOperatorKind.UnsignedRightShift => UnsignedShift(type, left, rightOperation),
            BinaryOperatorKind.ConditionalAnd => $"{left} && {right}",
            BinaryOperatorKind.ConditionalOr => $"{left} || {right}",
            BinaryOperatorKind.Equals => $"{left} == {right}",
            BinaryOperatorKind.NotEquals => $"{left} != {right}",
            BinaryOperatorKind.LessThan => $"{left} < {right}",
            BinaryOperatorKind.LessThanOrEqual => $"{left} <= {right}",
            BinaryOperatorKind.GreaterThan => $"{left} > {right}",
            BinaryOperatorKind.GreaterThanOrEqual => $"{left} >= {right}",
            _ => null,
        };
    }

    /// <summary>A shift count as C# takes it: its low 5 or 6 bits.</summary>
    private string ShiftCount(ITypeSymbol shifted, IOperation count)
    {
        int mask = Is64Bit(shifted) ? 63 : 31;
        return count.ConstantValue is { HasValue: true, Value: int known }
            ? (known & mask).ToString(System.Globalization.CultureInfo.InvariantCulture)
            : $"({Operand(count)} & {mask})";
    }

    private string UnsignedShift(ITypeSymbol type, string left, IOperation count)
    {
        bool wide = Is64Bit(type);
        bool signed = type.SpecialType is SpecialType.System_Int32 or SpecialType.System_Int64;
        string shifted = $"({(wide ? "u64" : "uint")}){left} >> {ShiftCount(type, count)}";
        return signed ? $"({(wide ? "i64" : "int")})({shifted})" : shifted;
    }

    private string Conversion(IConversionOperation conversion)
    {
        ITypeSymbol from = KernelApi.Underlying(Substitute(conversion.Operand.Type ?? conversion.Type!));
        ITypeSymbol to = KernelApi.Underlying(Substitute(conversion.Type!));
        if (SymbolEqualityComparer.Default.Equals(from, to))
        {
            return Expression(conversion.Operand);
        }

        if (IsNumber(from) && IsNumber(to))
        {
            return Cast(Operand(conversion.Operand), from, to, conversion.Syntax.GetLocation());
        }

        if (conversion.OperatorMethod is not null && (StorageName(from) ?? StorageName(to)) is { } storage && (IsFloat(from) || IsFloat(to)))
        {
            // Half and BFloat16 convert to and from float; double goes by way of float.
            return StorageName(from) is not null
                ? to.SpecialType == SpecialType.System_Double ? $"(double)to_float_{storage}({Expression(conversion.Operand)})" : $"to_float_{storage}({Expression(conversion.Operand)})"
                : from.SpecialType == SpecialType.System_Single ? $"from_float_{storage}({Expression(conversion.Operand)})" : Unsupported(conversion);
        }

        if (from.TypeKind == TypeKind.Error || to.TypeKind == TypeKind.Error)
        {
            log.Invalid = true;
            return "0";
        }

        if (to.IsReferenceType || from.IsReferenceType)
        {
            log.Report(Diagnostics.ReferenceType, conversion.Syntax, (to.IsReferenceType ? to : from).ToDisplayString());
            return "0";
        }

        return Unsupported(conversion);
    }

    /// <summary>Float to integer saturates and takes NaN as 0, then drops high bits of narrow types, as .NET does.</summary>
    private string Cast(string value, ITypeSymbol from, ITypeSymbol to, Location location)
    {
        string name = TypeName(to, location);
        if (!IsFloat(from) || IsFloat(to))
        {
            return $"({name}){value}";
        }

        bool narrow = to.SpecialType is SpecialType.System_SByte or SpecialType.System_Byte or SpecialType.System_Int16 or SpecialType.System_UInt16;
        return narrow ? $"({name})CONVERT_int({value})" : $"CONVERT_{name}({value})";
    }

    private string Creation(IObjectCreationOperation creation)
    {
        if (creation.Type is not INamedTypeSymbol named || Substitute(named) is not INamedTypeSymbol type || !KernelApi.IsUserStruct(type))
        {
            log.Report(Diagnostics.Allocation, creation.Syntax, creation.Syntax.ToString());
            return "0";
        }

        if (creation.Arguments.Length > 0)
        {
            log.Report(
                Diagnostics.UnsupportedExpression, creation.Syntax, $"A constructor of '{type.Name}'", $"write new {type.Name} {{ Field = value, ... }}");
            return "0";
        }

        string name = TypeName(type, creation.Syntax.GetLocation());
        var values = new Dictionary<string, string>();
        foreach (IOperation member in creation.Initializer?.Initializers ?? Enumerable.Empty<IOperation>())
        {
            if (member is ISimpleAssignmentOperation { Target: IFieldReferenceOperation field } assignment)
            {
                values[field.Field.Name] = Assigned(assignment.Value);
            }
            else
            {
                Unsupported(member);
            }
        }

        IEnumerable<string> fields = Fields(type).Select(f => values.TryGetValue(f.Name, out string? value)
            ? value
            : Default(f.Type, creation.Syntax.GetLocation()));
        return $"MAKE({name}, {string.Join(", ", fields)})";
    }

    private string Default(ITypeSymbol unbound, Location location)
    {
        ITypeSymbol type = Substitute(unbound);
        string name = TypeName(type, location);
        if (KernelApi.TileName(type) is not null)
        {
            log.Report(Diagnostics.TileUse, location, $"A tile of type '{type.ToDisplayString()}' has no default; load it, or start sums with Tile.Zero()");
        }

        return KernelApi.IsUserStruct(type)
            ? $"MAKE({name}, {string.Join(", ", Fields((INamedTypeSymbol)type).Select(f => Default(f.Type, location)))})"
            : type is ITypeParameterSymbol ? $"FROM_FLOAT({name}, 0.0f)"
            : "0";
    }

    /// <summary>An expression evaluated for its effect, as C statements without semicolons.</summary>
    private string[] Effect(IOperation operation)
    {
        switch (operation)
        {
            case ISimpleAssignmentOperation assignment when KernelApi.IsView(assignment.Target.Type):
                return AssignView(assignment);
            case ISimpleAssignmentOperation { IsRef: false } assignment:
                return new[] { $"{Target(assignment.Target)} = {Assigned(assignment.Value)}" };
            case ICompoundAssignmentOperation assignment:
                return new[] { Compound(assignment) };
            case IIncrementOrDecrementOperation { OperatorMethod: null } step:
                return new[] { Target(step.Target) + (step.Kind == OperationKind.Increment ? "++" : "--") };
            case IInvocationOperation call:
                return new[] { Call(call) };
            case IConversionOperation { IsImplicit: true } conversion:
                return Effect(conversion.Operand);
            case IInvalidOperation:
                Invalid(operation);
                return System.Array.Empty<string>();
            default:
                Expression(operation);
                if (!log.HasErrors)
                {
                    Unsupported(operation);
                }

                return System.Array.Empty<string>();
        }
    }

    private string Compound(ICompoundAssignmentOperation assignment)
    {
        string target = Target(assignment.Target);
        ITypeSymbol type = assignment.Target.Type!;
        bool native = assignment.OperatorMethod is null && !IsFloat(type) || IsFloat(type) && assignment.OperatorKind != BinaryOperatorKind.Remainder;
        if (native && assignment.OperatorKind != BinaryOperatorKind.UnsignedRightShift && BinaryText(assignment.OperatorKind, type, "x", assignment.Value) is { } sample)
        {
            string symbol = sample.Substring(2, sample.IndexOf(' ', 2) - 2);
            bool shift = assignment.OperatorKind is BinaryOperatorKind.LeftShift or BinaryOperatorKind.RightShift;
            return $"{target} {symbol}= {(shift ? ShiftCount(type, assignment.Value) : Assigned(assignment.Value))}";
        }

        if (assignment.OperatorMethod is { } method && KernelApi.IsUserStruct(method.ContainingType))
        {
            return $"{target} = {CallHelper(method, new[] { assignment.Target, assignment.Value }, assignment.Syntax)}";
        }

        string value = BinaryText(assignment.OperatorKind, type, target, assignment.Value) ?? Unsupported(assignment);
        return $"{target} = {value}";
    }

    private string Target(IOperation target)
    {
        if (target is IFieldReferenceOperation { Field.IsStatic: true } || target is IPropertyReferenceOperation { Property.IsStatic: true })
        {
            log.Report(Diagnostics.StaticState, target.Syntax, target.Syntax.ToString());
            return "x";
        }

        if (target is IDiscardOperation)
        {
            return "(void)0, ";
        }

        return Expression(target);
    }

    /// <summary>The address space a variable lies in.</summary>
    private string Space(IOperation target) => target switch
    {
        IPropertyReferenceOperation { Instance: { } instance } when KernelApi.IsView(instance.Type) => ViewOf(instance)?.Space ?? "PRIVATE",
        IFieldReferenceOperation { Instance: { } instance } => Space(instance),
        IParameterReferenceOperation p when function.References.TryGetValue(p.Parameter, out string? space) => space,
        _ => "PRIVATE",
    };

    private string Unsupported(IOperation operation)
    {
        (string what, string instead) = UnsupportedExpressionText(operation);
        log.Report(Diagnostics.UnsupportedExpression, operation.Syntax, what == $"The expression '{operation.Kind}'" ? $"'{operation.Syntax}'" : what, instead);
        return "0";
    }

    private static bool IsFloat(ITypeSymbol? type) => type?.SpecialType is SpecialType.System_Single or SpecialType.System_Double;

    private static bool Is64Bit(ITypeSymbol type) => KernelApi.Underlying(type).SpecialType is SpecialType.System_Int64 or SpecialType.System_UInt64;

    private static bool IsNumber(ITypeSymbol? type) => type is not null
        && KernelApi.Underlying(type).SpecialType is >= SpecialType.System_SByte and <= SpecialType.System_Double and not SpecialType.System_Decimal;

    private static string? StorageName(ITypeSymbol type) => IsHalf(type) ? "f16" : KernelApi.IsApi(type, "BFloat16") ? "bf16" : null;
}
