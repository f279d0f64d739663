using System.Linq;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Engine.Compiler.Managed;

/// <summary>
/// Decides whether an expression has the same value for all items of a group whenever it is evaluated: it is made of
/// constants, the kernel's parameters, the group's place in the grid and variables that are uniform themselves.
/// </summary>
internal sealed class Uniformity(Collectives collectives)
{
    public bool IsUniform(ExpressionSyntax? expression, Scope scope) => Is(expression, scope, perItem: false);

    /// <summary>
    /// Whether computing the expression again, at the start of any later phase, is cheap, cannot fail and gives the same value:
    /// arithmetic on uniform variables and the item's index.
    /// </summary>
    public bool IsRecomputable(ExpressionSyntax expression, Scope scope) => Is(expression, scope, perItem: true);

    private bool Is(ExpressionSyntax? expression, Scope scope, bool perItem)
    {
        if (expression is null || collectives.Model(expression).GetConstantValue(expression).HasValue)
        {
            return true;
        }

        switch (expression)
        {
            case ParenthesizedExpressionSyntax inner:
                return Is(inner.Expression, scope, perItem);
            case CastExpressionSyntax cast:
                return Is(cast.Expression, scope, perItem);
            case PrefixUnaryExpressionSyntax unary:
                return !unary.IsKind(SyntaxKind.PreIncrementExpression) && !unary.IsKind(SyntaxKind.PreDecrementExpression)
                    && Is(unary.Operand, scope, perItem);
            case BinaryExpressionSyntax binary:
                return Is(binary.Left, scope, perItem) && Is(binary.Right, scope, perItem) && !(perItem && MayFail(binary));
            case ConditionalExpressionSyntax choice:
                return Is(choice.Condition, scope, perItem) && Is(choice.WhenTrue, scope, perItem) && Is(choice.WhenFalse, scope, perItem);
            case IdentifierNameSyntax name:
                return collectives.Model(name).GetSymbolInfo(name).Symbol is { } symbol
                    && scope.Variables.TryGetValue(symbol, out Variable? variable)
                    && (variable.Kind == VariableKind.Uniform || (perItem && variable.Kind == VariableKind.Recomputed));
            case MemberAccessExpressionSyntax member:
                return Member(member, scope, perItem);
            case InvocationExpressionSyntax call:
                return !perItem && Call(call, scope);
            default:
                return false;
        }
    }

    /// <summary>Division by something that a statement before may have kept from being zero.</summary>
    private bool MayFail(BinaryExpressionSyntax binary) =>
        (binary.IsKind(SyntaxKind.DivideExpression) || binary.IsKind(SyntaxKind.ModuloExpression))
        && !collectives.Model(binary).GetConstantValue(binary.Right).HasValue;

    private bool Member(MemberAccessExpressionSyntax member, Scope scope, bool perItem)
    {
        ISymbol? symbol = collectives.Model(member).GetSymbolInfo(member).Symbol;
        if (symbol is IFieldSymbol field && KernelApi.IsOperands(field.ContainingType))
        {
            return Is(member.Expression, scope, perItem);
        }

        if (symbol is not IPropertySymbol property)
        {
            return false;
        }

        return KernelApi.Intrinsic(property) is { } intrinsic
            ? perItem || intrinsic is not ("Group.IdxX" or "Warp.LaneIdx" or "Tile.TeamIdx")
            : KernelApi.IsView(property.ContainingType) && Is(member.Expression, scope, perItem);
    }

    private bool Call(InvocationExpressionSyntax call, Scope scope)
    {
        if (collectives.Target(call) is not { } method || !call.ArgumentList.Arguments.All(a => IsUniform(a.Expression, scope)))
        {
            return false;
        }

        return method.ContainingType.ToDisplayString() is "System.Math" or "System.MathF" or "Engine.Devices.Kernels.KernelMath"
            || (KernelApi.IsView(method.ContainingType) && call.Expression is MemberAccessExpressionSyntax member
                && IsUniform(member.Expression, scope));
    }
}
