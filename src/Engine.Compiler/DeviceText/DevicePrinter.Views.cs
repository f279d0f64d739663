using System.Linq;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Operations;

namespace Engine.Compiler.DeviceText;

/// <summary>Views, and the memory they are views of.</summary>
internal sealed partial class DevicePrinter
{
    private void DeclareView(IVariableDeclaratorOperation declarator)
    {
        ILocalSymbol local = declarator.Symbol;
        if (declarator.GetVariableInitializer()?.Value is not { } value)
        {
            log.Report(Diagnostics.ViewUse, declarator.Syntax, $"View '{local.Name}' needs an initialiser, which says what memory it lies in");
            return;
        }

        string name = function.Declare(local);
        if (value is IInvocationOperation call && KernelApi.Intrinsic(call.TargetMethod) is "SharedMemory.Allocate" or "LocalMemory.Allocate")
        {
            Allocate((IInvocationOperation)value, local, name);
            return;
        }

        View? known = ViewOf(value);
        if (known is null)
        {
            // Reported; uses of the local are not reported again.
            function.Views[local] = new View(name, "0", "PRIVATE", KernelApi.Element(local.Type));
        }
        else if (known is { } view)
        {
            string element = TypeName(view.Element, declarator.Syntax.GetLocation());
            text.Line($"{view.Space} {element}* {name} = {view.Pointer};");
            text.Line($"i64 {name}_length = {view.Length};");
            function.Views[local] = view with { Pointer = name, Length = name + "_length", IsArray = false };
        }
    }

    private void Allocate(IInvocationOperation call, ILocalSymbol local, string name)
    {
        bool shared = call.TargetMethod.ContainingType.Name == "SharedMemory";
        if (shared ? !function.IsKernel || !AtTop(call) : !AtTop(call))
        {
            log.Report(
                Diagnostics.AllocationPlace, call.Syntax, shared ? "SharedMemory.Allocate" : "LocalMemory.Allocate",
                shared ? "in the kernel itself, outside of loops and branches; pass the view to helpers" : "outside of loops and branches");
        }

        IOperation count = call.Arguments[0].Value;
        if (!IsConstantExtent(count))
        {
            log.Report(Diagnostics.Extent, count.Syntax, count.Syntax.ToString());
        }

        ITypeSymbol elementType = call.TargetMethod.TypeArguments[0];
        string element = TypeName(elementType, call.Syntax.GetLocation());
        if (shared && KernelApi.TileName(elementType) is not null)
        {
            log.Report(Diagnostics.TileUse, call.Syntax, "Tiles cannot lie in shared memory, since an item's part means something to that item alone; use LocalMemory, and Tile.Store to share sums");
        }

        string extent = Expression(count);
        if (shared)
        {
            name = function.Declare(local);
            function.Shared.Add($"SHARED {element} {name}[{extent}];");
        }
        else
        {
            text.Line($"{element} {name}[{extent}];");
        }

        function.Views[local] = new View(name, $"((i64)({extent}))", shared ? "LOCAL" : "PRIVATE", elementType) { IsArray = true };
    }

    /// <summary>Whether an operation stands in the outermost statements of its method.</summary>
    private static bool AtTop(IOperation operation)
    {
        StatementSyntax? statement = operation.Syntax.FirstAncestorOrSelf<StatementSyntax>();
        return statement?.Parent is BlockSyntax { Parent: MethodDeclarationSyntax };
    }

    /// <summary>Whether a value is known when the variant is compiled.</summary>
    private bool IsConstantExtent(IOperation operation) => operation switch
    {
        { ConstantValue.HasValue: true } => true,
        IParameterReferenceOperation p => function.Constants.ContainsKey(p.Parameter),
        IConversionOperation { OperatorMethod: null } c => IsConstantExtent(c.Operand),
        IBinaryOperation { OperatorMethod: null } b => IsConstantExtent(b.LeftOperand) && IsConstantExtent(b.RightOperand),
        IUnaryOperation { OperatorMethod: null } u => IsConstantExtent(u.Operand),
        IConditionalOperation { Type: not null } c => IsConstantExtent(c.Condition) && IsConstantExtent(c.WhenTrue) && IsConstantExtent(c.WhenFalse!),
        _ => false,
    };

    /// <summary>The pointer and length of an expression of type <c>ArrayView</c>; null, reported, where it has none.</summary>
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
            case IInvocationOperation { TargetMethod.Name: "SubView", Instance: { } instance } call when KernelApi.IsView(instance.Type):
                if (ViewOf(instance) is not { } whole)
                {
                    return null;
                }

                string offset = Operand(call.Arguments.First(a => a.Parameter!.Ordinal == 0).Value);
                string length = call.Arguments.FirstOrDefault(a => a.Parameter!.Ordinal == 1) is { } count
                    ? Assigned(count.Value)
                    : $"{whole.Length} - {offset}";
                return whole with { Pointer = $"({whole.Pointer} + {offset})", Length = $"({length})", IsArray = false };
            case IInvocationOperation call when KernelApi.Intrinsic(call.TargetMethod) is "SharedMemory.Allocate" or "LocalMemory.Allocate":
                log.Report(
                    Diagnostics.AllocationPlace, operation.Syntax, call.TargetMethod.ContainingType.Name + ".Allocate", "with that type, as in 'ArrayView<float> tile = ...'");
                return null;
            case IInvalidOperation:
                Invalid(operation);
                return null;
            default:
                log.Report(
                    Diagnostics.ViewUse, operation.Syntax,
                    $"'{operation.Syntax}' is a view whose memory is not known at compile time; name a view parameter, a local, or a SubView of one");
                return null;
        }
    }

    private string[] AssignView(IAssignmentOperation assignment)
    {
        if (ViewOf(assignment.Target) is not { } target || ViewOf(assignment.Value) is not { } value)
        {
            return System.Array.Empty<string>();
        }

        if (target.Space != value.Space || target.IsArray)
        {
            log.Report(
                Diagnostics.ViewUse, assignment.Syntax,
                target.IsArray
                    ? $"'{assignment.Target.Syntax}' names allocated memory and cannot become another view; declare a second local"
                    : $"'{assignment.Target.Syntax}' lies in {target.Space} memory and cannot become a view of {value.Space} memory; declare a second local");
            return System.Array.Empty<string>();
        }

        // The length first: the new pointer may be computed from the old one, the new length from the old length.
        return new[] { $"{target.Length} = {value.Length}", $"{target.Pointer} = {value.Pointer}" };
    }
}
