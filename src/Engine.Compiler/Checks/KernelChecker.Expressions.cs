using System.Collections.Generic;
using System.Collections.Immutable;
using System.Linq;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Operations;

namespace Engine.Compiler.Checks;

/// <summary>Expressions: operators, conversions, assignments, calls.</summary>
internal sealed partial class KernelChecker
{
    private void Expression(IOperation? operation)
    {
        switch (operation)
        {
            case null:
            case { ConstantValue: { HasValue: true, Value: not (null or string) } }:
            case ILocalReferenceOperation or IParameterReferenceOperation or IDeclarationExpressionOperation or ISizeOfOperation:
                break;
            case IInvalidOperation:
                log.Invalid = true;
                break;
            case { Type.SpecialType: SpecialType.System_Double }:
                log.Report(Diagnostics.Double, operation.Syntax, operation.Syntax.ToString());
                break;
            case IParenthesizedOperation inner:
                Expression(inner.Operand);
                break;
            case IFieldReferenceOperation field:
                Field(field);
                break;
            case IPropertyReferenceOperation property:
                Property(property);
                break;
            case IConversionOperation conversion:
                Conversion(conversion);
                break;
            case IUnaryOperation unary:
                Unary(unary);
                break;
            case IBinaryOperation binary:
                Binary(binary);
                break;
            case IConditionalOperation { Type: not null } choice:
                Expression(choice.Condition);
                Expression(choice.WhenTrue);
                Expression(choice.WhenFalse);
                break;
            case IInvocationOperation call:
                Call(call);
                break;
            case IObjectCreationOperation creation:
                Creation(creation);
                break;
            case IDefaultValueOperation zero:
                Default(zero);
                break;
            case IAssignmentOperation or IIncrementOrDecrementOperation:
                log.Report(Diagnostics.SideEffect, operation.Syntax, operation.Syntax.ToString());
                break;
            case IArrayElementReferenceOperation element:
                Expression(element.ArrayReference);
                break;
            case IThrowOperation:
                log.Report(Diagnostics.Exceptions, operation.Syntax);
                break;
            case IArrayCreationOperation or IAnonymousObjectCreationOperation or IDelegateCreationOperation
                or ICollectionExpressionOperation:
                log.Report(Diagnostics.Allocation, operation.Syntax, operation.Syntax.ToString());
                break;
            case IInterpolatedStringOperation:
                log.Report(Diagnostics.ReferenceType, operation.Syntax, "string");
                break;
            case { Type.IsReferenceType: true, ConstantValue.HasValue: true }:
                log.Report(Diagnostics.ReferenceType, operation.Syntax, operation.Type!.ToDisplayString());
                break;
            default:
                (string what, string instead) = UnsupportedExpressionText(operation);
                log.Report(Diagnostics.UnsupportedExpression, operation.Syntax, what, instead);
                break;
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

    private void Unsupported(IOperation operation)
    {
        (string what, string instead) = UnsupportedExpressionText(operation);
        log.Report(
            Diagnostics.UnsupportedExpression, operation.Syntax,
            what == $"The expression '{operation.Kind}'" ? $"'{operation.Syntax}'" : what, instead);
    }

    private void Field(IFieldReferenceOperation field)
    {
        if (field.Field.IsStatic || field.Instance is null)
        {
            log.Report(Diagnostics.StaticState, field.Syntax, field.Syntax.ToString());
            return;
        }

        Type(field.Field.ContainingType, field.Syntax.GetLocation());
        Expression(field.Instance);
    }

    private void Property(IPropertyReferenceOperation property)
    {
        if (KernelApi.Intrinsic(property.Property) is { } intrinsic && intrinsic.Split('.')[0] is "Grid" or "Group" or "Warp" or "Tile")
        {
            return;
        }

        if (property.Instance is { } instance && KernelApi.IsView(instance.Type))
        {
            ViewOf(instance);
            foreach (IArgumentOperation argument in property.Arguments)
            {
                Expression(argument.Value);
            }

            return;
        }

        log.Report(
            property.Property.IsStatic && property.Property.SetMethod is not null ? Diagnostics.StaticState : Diagnostics.UnsupportedCall,
            property.Syntax, property.Syntax.ToString(), "use fields of structs, and constants");
    }

    private void Unary(IUnaryOperation unary)
    {
        if (unary.OperatorMethod is { } method && KernelApi.IsUserStruct(method.ContainingType))
        {
            Helper(method, new[] { unary.Operand }, unary.Syntax);
        }
        else if (unary.OperatorKind is UnaryOperatorKind.Plus or UnaryOperatorKind.Minus or UnaryOperatorKind.BitwiseNegation
            or UnaryOperatorKind.Not)
        {
            Expression(unary.Operand);
        }
        else
        {
            Unsupported(unary);
        }
    }

    private void Binary(IBinaryOperation binary)
    {
        if (binary.IsChecked)
        {
            log.Report(Diagnostics.UnsupportedExpression, binary.Syntax, "Checked arithmetic", "leave out 'checked': integers wrap");
        }

        if (binary.OperatorMethod is { } method && KernelApi.IsUserStruct(method.ContainingType))
        {
            Helper(method, new[] { binary.LeftOperand, binary.RightOperand }, binary.Syntax);
        }
        else if (binary.OperatorMethod is not null)
        {
            log.Report(
                Diagnostics.UnsupportedCall, binary.Syntax, binary.Syntax.ToString(),
                "compute in float: convert with (float), or read with Storage.Load");
        }
        else
        {
            Remainder(binary.OperatorKind, binary);
            Expression(binary.LeftOperand);
            Expression(binary.RightOperand);
        }
    }

    private void Remainder(BinaryOperatorKind kind, IOperation operation)
    {
        if (kind == BinaryOperatorKind.Remainder && operation.Type?.SpecialType == SpecialType.System_Single)
        {
            log.Report(
                Diagnostics.UnsupportedExpression, operation.Syntax, "The remainder of floats",
                "subtract a multiple, rounded by MathF.Floor or MathF.Truncate");
        }
    }

    private void Conversion(IConversionOperation conversion)
    {
        ITypeSymbol from = KernelApi.Underlying(Substitute(conversion.Operand.Type ?? conversion.Type!));
        ITypeSymbol to = KernelApi.Underlying(Substitute(conversion.Type!));
        if (SymbolEqualityComparer.Default.Equals(from, to) || (IsNumber(from) && IsNumber(to)))
        {
            Expression(conversion.Operand);
        }
        else if (conversion.OperatorMethod is not null
            && (KernelApi.Is16BitFloat(from) ? to : from).SpecialType == SpecialType.System_Single
            && KernelApi.Is16BitFloat(KernelApi.Is16BitFloat(from) ? from : to))
        {
            Expression(conversion.Operand);
        }
        else if (from.TypeKind == TypeKind.Error || to.TypeKind == TypeKind.Error)
        {
            log.Invalid = true;
        }
        else if (to.IsReferenceType || from.IsReferenceType)
        {
            log.Report(Diagnostics.ReferenceType, conversion.Syntax, (to.IsReferenceType ? to : from).ToDisplayString());
        }
        else
        {
            Unsupported(conversion);
        }
    }

    private void Creation(IObjectCreationOperation creation)
    {
        if (KernelApi.IsOperands(creation.Type))
        {
            log.Report(
                Diagnostics.ViewUse, creation.Syntax,
                $"'{creation.Syntax}' makes operands inside of a kernel; pass what is needed of them, view by view");
            return;
        }

        if (creation.Type is not INamedTypeSymbol named || Substitute(named) is not INamedTypeSymbol type || !KernelApi.IsUserStruct(type))
        {
            log.Report(Diagnostics.Allocation, creation.Syntax, creation.Syntax.ToString());
            return;
        }

        if (creation.Arguments.Length > 0)
        {
            log.Report(
                Diagnostics.UnsupportedExpression, creation.Syntax, $"A constructor of '{type.Name}'",
                $"write new {type.Name} {{ Field = value, ... }}");
            return;
        }

        Type(type, creation.Syntax.GetLocation());
        foreach (IOperation member in creation.Initializer?.Initializers ?? ImmutableArray<IOperation>.Empty)
        {
            if (member is ISimpleAssignmentOperation { Target: IFieldReferenceOperation } assignment)
            {
                Expression(assignment.Value);
            }
            else
            {
                Unsupported(member);
            }
        }
    }

    private void Default(IDefaultValueOperation zero)
    {
        ITypeSymbol type = Substitute(zero.Type!);
        if (KernelApi.IsOperands(type))
        {
            log.Report(
                Diagnostics.ViewUse, zero.Syntax,
                $"'{zero.Syntax}' makes operands inside of a kernel; pass what is needed of them, view by view");
        }
        else if (KernelApi.IsTile(type))
        {
            log.Report(
                Diagnostics.TileUse, zero.Syntax,
                $"A tile of type '{type.ToDisplayString()}' has no default; load it, or start sums with Tile.Zero()");
        }
        else
        {
            Type(type, zero.Syntax.GetLocation());
        }
    }

    /// <summary>An expression evaluated for its effect.</summary>
    private void Effect(IOperation operation)
    {
        switch (operation)
        {
            case ISimpleAssignmentOperation assignment when KernelApi.IsView(assignment.Target.Type):
                AssignView(assignment);
                break;
            case ISimpleAssignmentOperation { IsRef: false } assignment:
                Target(assignment.Target);
                Expression(assignment.Value);
                break;
            case ICompoundAssignmentOperation { OperatorMethod: { } method } assignment when KernelApi.IsUserStruct(method.ContainingType):
                Target(assignment.Target);
                Helper(method, new[] { assignment.Target, assignment.Value }, assignment.Syntax);
                break;
            case ICompoundAssignmentOperation { OperatorMethod: null } assignment:
                Remainder(assignment.OperatorKind, assignment);
                Target(assignment.Target);
                Expression(assignment.Value);
                break;
            case IIncrementOrDecrementOperation { OperatorMethod: null } step:
                Target(step.Target);
                break;
            case IInvocationOperation call:
                Call(call);
                break;
            case IConversionOperation { IsImplicit: true } conversion:
                Effect(conversion.Operand);
                break;
            case IInvalidOperation:
                log.Invalid = true;
                break;
            default:
                Expression(operation);
                if (!log.HasErrors)
                {
                    Unsupported(operation);
                }

                break;
        }
    }

    private void Target(IOperation target)
    {
        if (target is IFieldReferenceOperation { Field.IsStatic: true } or IPropertyReferenceOperation { Property.IsStatic: true })
        {
            log.Report(Diagnostics.StaticState, target.Syntax, target.Syntax.ToString());
        }
        else if (target is IFieldReferenceOperation { Field: { } field } && KernelApi.IsOperands(field.ContainingType))
        {
            log.Report(
                Diagnostics.ViewUse, target.Syntax,
                $"'{target.Syntax}' is an operand of the launch and cannot be changed; declare a local");
        }
        else if (target is not IDiscardOperation)
        {
            Expression(target);
        }
    }

    private void Call(IInvocationOperation call)
    {
        IMethodSymbol method = call.TargetMethod;
        IOperation[] arguments = call.Arguments.OrderBy(a => a.Parameter!.Ordinal).Select(a => a.Value).ToArray();
        if (KernelApi.Intrinsic(method) is { } intrinsic)
        {
            Intrinsic(intrinsic, call, arguments);
        }
        else if (Mathematics.Knows(method))
        {
            Each(arguments);
        }
        else if (method.Locations.All(l => !l.IsInSource))
        {
            bool ownLibrary = !method.ContainingType.ToDisplayString().StartsWith("System.", System.StringComparison.Ordinal)
                && method.IsStatic;
            log.Report(
                ownLibrary ? Diagnostics.HelperSource : method.IsStatic ? Diagnostics.UnsupportedCall : Diagnostics.VirtualCall,
                call.Syntax, $"{method.ContainingType.Name}.{method.Name}", Mathematics.Instead(method));
        }
        else if (!method.IsStatic || method.MethodKind is not (MethodKind.Ordinary or MethodKind.UserDefinedOperator))
        {
            log.Report(Diagnostics.VirtualCall, call.Syntax, method.ToDisplayString(SymbolDisplayFormat.CSharpShortErrorMessageFormat));
        }
        else
        {
            Helper(method, arguments, call.Syntax);
        }
    }

    private void Each(IEnumerable<IOperation> operations)
    {
        foreach (IOperation operation in operations)
        {
            Expression(operation);
        }
    }

    private void Intrinsic(string intrinsic, IInvocationOperation call, IOperation[] arguments)
    {
        switch (intrinsic)
        {
            case "Group.Barrier":
                break;
            case "Warp.Shuffle" or "Warp.ShuffleXor" or "Warp.ShuffleDown":
                usesShuffles = true;
                Each(arguments);
                break;
            case "Storage.Load" or "Storage.Store":
                ViewOf(arguments[0]);
                Each(arguments.Skip(1));
                break;
            case "SharedMemory.Allocate" or "LocalMemory.Allocate":
                log.Report(Diagnostics.AllocationPlace, call.Syntax, intrinsic, "with that type, as in 'ArrayView<float> tile = ...'");
                break;
            case "Atomic.Add" or "Atomic.Max" or "Atomic.Min" or "Atomic.Exchange" or "Atomic.CompareExchange":
                Atomic(call, arguments);
                break;
            case "Tile.LoadA" or "Tile.LoadB":
                TileElement(call.TargetMethod.TypeArguments[0], call.Syntax.GetLocation());
                TileMemory(arguments[0]);
                Each(arguments.Skip(1));
                break;
            case "Tile.Zero" or "Tile.MultiplyAdd":
                Each(arguments);
                break;
            case "Tile.ScaleRows" or "Tile.Store":
                Expression(arguments[0]);
                TileMemory(arguments[1]);
                Each(arguments.Skip(2));
                break;
            case "TileCopy.Start":
                TileElement(call.TargetMethod.TypeArguments[0], call.Syntax.GetLocation());
                CopyMemory(arguments[0], Memory.Global);
                CopyMemory(arguments[2], Memory.Shared);
                Each(new[] { arguments[1], arguments[3], arguments[4] });
                break;
            case "TileCopy.Commit":
                usesTiles = true;
                break;
            case "TileCopy.Wait":
                usesTiles = true;
                Batches(arguments[0]);
                break;
            default:
                log.Report(Diagnostics.UnsupportedCall, call.Syntax, intrinsic, "use the members that docs/kernels.md names");
                break;
        }
    }

    private void Atomic(IInvocationOperation call, IOperation[] arguments)
    {
        if (call.TargetMethod.Parameters[0].Type.SpecialType is not (SpecialType.System_Int32 or SpecialType.System_UInt32))
        {
            log.Report(Diagnostics.FloatAtomic, call.Syntax);
        }
        else if (MemoryOf(arguments[0]) == Memory.Local)
        {
            log.Report(
                Diagnostics.ViewUse, call.Syntax,
                "Atomic operations need an element of a global or shared view; an item's own variables need none");
        }

        Target(arguments[0]);
        Each(arguments.Skip(1));
    }

    /// <summary>A view that all items of a team see.</summary>
    private void TileMemory(IOperation argument)
    {
        if (ViewOf(argument) is { Memory: Memory.Local })
        {
            log.Report(
                Diagnostics.TileUse, argument.Syntax,
                $"'{argument.Syntax}' is memory of one work-item, and a team of items holds a tile together; use a shared or global view");
        }
    }

    /// <summary>A view of a copy to shared memory, which goes one way.</summary>
    private void CopyMemory(IOperation argument, Memory memory)
    {
        if (ViewOf(argument) is { } view && view.Memory != memory)
        {
            log.Report(
                Diagnostics.TileUse, argument.Syntax,
                $"'{argument.Syntax}' lies in {Name(view.Memory)} memory, and TileCopy copies from a global view to a shared one; "
                    + "copy element by element");
        }
    }

    private void Batches(IOperation argument)
    {
        if (!IsConstant(argument) || argument.ConstantValue is { HasValue: true, Value: < 0 })
        {
            log.Report(
                Diagnostics.TileUse, argument.Syntax,
                $"The number of batches '{argument.Syntax}' is part of an instruction; give a constant that is 0 or more");
        }
    }
}
