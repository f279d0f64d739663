using System.Collections.Generic;
using System.Linq;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Operations;

namespace Engine.Compiler.Checks;

/// <summary>Statements, and the views that they declare.</summary>
internal sealed partial class KernelChecker
{
    private void Statement(IOperation? operation)
    {
        switch (operation)
        {
            case null or IEmptyOperation or IBranchOperation { BranchKind: BranchKind.Break or BranchKind.Continue }
                or IReturnOperation { Kind: OperationKind.Return, ReturnedValue: null }:
                break;
            case IBlockOperation block:
                Statements(block.Operations);
                break;
            case IVariableDeclarationGroupOperation group:
                foreach (IVariableDeclaratorOperation declarator in group.Declarations.SelectMany(d => d.Declarators))
                {
                    Declare(declarator);
                }

                break;
            case IExpressionStatementOperation statement:
                Effect(statement.Operation);
                break;
            case IConditionalOperation { Type: null } branch:
                Expression(branch.Condition);
                Statement(branch.WhenTrue);
                Statement(branch.WhenFalse);
                break;
            case IForLoopOperation loop:
                Statements(loop.Before);
                Expression(loop.Condition);
                Statements(loop.AtLoopBottom);
                Statement(loop.Body);
                break;
            case IWhileLoopOperation loop:
                Expression(loop.Condition);
                Statement(loop.Body);
                break;
            case ISwitchOperation choice:
                Switch(choice);
                break;
            case IReturnOperation { Kind: OperationKind.Return, ReturnedValue: { } value }:
                Return(value);
                break;
            case IInvalidOperation:
                log.Invalid = true;
                break;
            case IThrowOperation or ITryOperation:
                log.Report(Diagnostics.Exceptions, operation.Syntax);
                break;
            default:
                (string what, string instead) = UnsupportedStatementText(operation);
                log.Report(Diagnostics.UnsupportedStatement, operation.Syntax, what, instead);
                break;
        }
    }

    private void Statements(IEnumerable<IOperation> operations)
    {
        foreach (IOperation operation in operations)
        {
            Statement(operation);
        }
    }

    private static (string What, string Instead) UnsupportedStatementText(IOperation operation) => operation switch
    {
        IForEachLoopOperation => ("foreach", "write a for loop over the indices"),
        IBranchOperation => ("goto", "use loops, if and switch"),
        IUsingOperation or IUsingDeclarationOperation => ("using", "a kernel owns nothing that needs disposal"),
        ILockOperation => ("lock", "use Atomic or Group.Barrier"),
        ILocalFunctionOperation => ("A local function", "write a static method of the class"),
        _ => ($"The statement '{operation.Kind}'", "use declarations, assignments, if, for, while, do, switch and calls"),
    };

    private void Return(IOperation value)
    {
        // An expression-bodied void method's expression arrives as the returned value.
        if (function.Method.ReturnsVoid)
        {
            Effect(value);
        }
        else if (KernelApi.IsView(value.Type))
        {
            log.Report(
                Diagnostics.ViewUse, value.Syntax,
                "A helper cannot return an ArrayView; let the caller take the SubView, or return the offset");
        }
        else
        {
            Expression(value);
        }
    }

    private void Switch(ISwitchOperation choice)
    {
        Expression(choice.Value);
        foreach (ISwitchCaseOperation section in choice.Cases)
        {
            foreach (ICaseClauseOperation clause in section.Clauses)
            {
                if (clause is not (ISingleValueCaseClauseOperation or IDefaultCaseClauseOperation))
                {
                    log.Report(Diagnostics.UnsupportedStatement, clause.Syntax, "A pattern in a switch", "use constants as cases");
                }
            }

            Statements(section.Body);
        }
    }

    private void Declare(IVariableDeclaratorOperation declarator)
    {
        ILocalSymbol local = declarator.Symbol;
        IOperation? value = declarator.GetVariableInitializer()?.Value;
        if (KernelApi.IsView(local.Type))
        {
            DeclareView(local, value, declarator);
            return;
        }

        int faults = log.Count;
        Type(local.Type, declarator.Syntax.GetLocation());
        if (log.Count > faults)
        {
            return;
        }

        if (local.RefKind != RefKind.None)
        {
            log.Report(Diagnostics.UnsupportedStatement, declarator.Syntax, "A ref local", "keep the index and use it again");
        }

        Expression(value);
    }

    private void DeclareView(ILocalSymbol local, IOperation? value, IVariableDeclaratorOperation declarator)
    {
        if (value is null)
        {
            log.Report(
                Diagnostics.ViewUse, declarator.Syntax, $"View '{local.Name}' needs an initialiser, which says what memory it lies in");
        }
        else if (value is IInvocationOperation call && IsAllocation(call))
        {
            Allocate(call, local);
        }
        else
        {
            // What has no view is reported; uses of the local are not reported again.
            function.Views[local] = ViewOf(value) is { } view
                ? view with { IsAllocation = false }
                : new View(Memory.Local, IsAllocation: false);
        }
    }

    private void Allocate(IInvocationOperation call, ILocalSymbol local)
    {
        bool shared = call.TargetMethod.ContainingType.Name == "SharedMemory";
        if (!AtTop(call) || (shared && !function.IsKernel))
        {
            log.Report(
                Diagnostics.AllocationPlace, call.Syntax, shared ? "SharedMemory.Allocate" : "LocalMemory.Allocate",
                shared ? "in the kernel itself, outside of loops and branches; pass the view to helpers" : "outside of loops and branches");
        }

        IOperation count = call.Arguments[0].Value;
        if (!IsConstant(count))
        {
            log.Report(Diagnostics.Extent, count.Syntax, count.Syntax.ToString());
        }

        ITypeSymbol element = call.TargetMethod.TypeArguments[0];
        Type(element, call.Syntax.GetLocation());
        if (shared && KernelApi.IsTile(element))
        {
            log.Report(
                Diagnostics.TileUse, call.Syntax,
                "Tiles cannot lie in shared memory, since an item's part means something to that item alone; "
                    + "use LocalMemory, and Tile.Store to share sums");
        }

        function.Views[local] = new View(shared ? Memory.Shared : Memory.Local, IsAllocation: true);
    }

    private static bool IsAllocation(IInvocationOperation call) =>
        KernelApi.Intrinsic(call.TargetMethod) is "SharedMemory.Allocate" or "LocalMemory.Allocate";

    /// <summary>Whether an operation stands in the outermost statements of its method.</summary>
    private static bool AtTop(IOperation operation) =>
        operation.Syntax.FirstAncestorOrSelf<StatementSyntax>()?.Parent is BlockSyntax { Parent: MethodDeclarationSyntax };

    /// <summary>Whether a value is known when the variant is compiled.</summary>
    private bool IsConstant(IOperation operation) => operation switch
    {
        { ConstantValue.HasValue: true } => true,
        IParameterReferenceOperation p => function.Constants.Contains(p.Parameter),
        IConversionOperation { OperatorMethod: null } c => IsConstant(c.Operand),
        IBinaryOperation { OperatorMethod: null } b => IsConstant(b.LeftOperand) && IsConstant(b.RightOperand),
        IUnaryOperation { OperatorMethod: null } u => IsConstant(u.Operand),
        IConditionalOperation { Type: not null } c => IsConstant(c.Condition) && IsConstant(c.WhenTrue) && IsConstant(c.WhenFalse!),
        _ => false,
    };

    /// <summary>Where the elements of an expression of type <c>ArrayView</c> lie; null, reported, where that is not known.</summary>
    private View? ViewOf(IOperation operation)
    {
        switch (operation)
        {
            case IConversionOperation { OperatorMethod: null } conversion:
                return ViewOf(conversion.Operand);
            case ILocalReferenceOperation local when function.Views.TryGetValue(local.Local, out View? view):
                return view;
            case IParameterReferenceOperation parameter when function.Views.TryGetValue(parameter.Parameter, out View? view):
                return view;
            case IFieldReferenceOperation { Instance: { } operands } when KernelApi.IsOperands(operands.Type):
                return new View(Memory.Global, IsAllocation: false);
            case IInvocationOperation { TargetMethod.Name: "SubView", Instance: { } instance } call when KernelApi.IsView(instance.Type):
                foreach (IArgumentOperation argument in call.Arguments)
                {
                    Expression(argument.Value);
                }

                return ViewOf(instance) is { } whole ? whole with { IsAllocation = false } : null;
            case IInvocationOperation call when IsAllocation(call):
                log.Report(
                    Diagnostics.AllocationPlace, operation.Syntax, call.TargetMethod.ContainingType.Name + ".Allocate",
                    "with that type, as in 'ArrayView<float> tile = ...'");
                return null;
            case IInvalidOperation:
                log.Invalid = true;
                return null;
            default:
                log.Report(
                    Diagnostics.ViewUse, operation.Syntax,
                    $"'{operation.Syntax}' is a view whose memory is not known at compile time; name a view parameter, a local, "
                        + $"or a SubView of one");
                return null;
        }
    }

    private void AssignView(IAssignmentOperation assignment)
    {
        if (assignment.Target is IFieldReferenceOperation)
        {
            Target(assignment.Target);
            return;
        }

        if (ViewOf(assignment.Target) is not { } target || ViewOf(assignment.Value) is not { } value)
        {
            return;
        }

        if (target.IsAllocation)
        {
            log.Report(
                Diagnostics.ViewUse, assignment.Syntax,
                $"'{assignment.Target.Syntax}' names allocated memory and cannot become another view; declare a second local");
        }
        else if (target.Memory != value.Memory)
        {
            log.Report(
                Diagnostics.ViewUse, assignment.Syntax,
                $"'{assignment.Target.Syntax}' lies in {Name(target.Memory)} memory and cannot become a view of {Name(value.Memory)} "
                    + $"memory; declare a second local");
        }
    }

    private static string Name(Memory memory) => memory.ToString().ToLowerInvariant();

    /// <summary>The memory that a variable lies in.</summary>
    private Memory MemoryOf(IOperation target) => target switch
    {
        IPropertyReferenceOperation { Instance: { } instance } when KernelApi.IsView(instance.Type) =>
            ViewOf(instance)?.Memory ?? Memory.Local,
        IFieldReferenceOperation { Instance: { } instance } => MemoryOf(instance),
        IParameterReferenceOperation p when function.References.TryGetValue(p.Parameter, out Memory memory) => memory,
        _ => Memory.Local,
    };
}
