using System;
using System.Collections.Generic;
using Engine.Compiler.Managed;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Engine.Compiler.Ilgpu;

/// <summary>The passes of an unrolled loop.</summary>
/// <param name="Last">The largest value the variable can have.</param>
/// <param name="Bound">What a pass's value has to stay below, where that depends on a <c>[Specialize]</c> parameter; null where every pass
/// runs.</param>
internal sealed record LoopPasses(long First, long Last, long Step, ExpressionSyntax? Bound);

/// <summary>
/// Values of integer expressions as far as the build knows them: constants, variables of unrolled loops, the most a <c>[Specialize]</c>
/// parameter can be.
/// </summary>
internal sealed class ConstantRanges(Collectives collectives)
{
    private readonly Dictionary<ISymbol, long> values = new(SymbolEqualityComparer.Default);

    /// <summary>The value of an unrolled loop's variable in the pass being printed.</summary>
    public long this[ISymbol variable]
    {
        set => values[variable] = value;
    }

    public void Forget(ISymbol variable) => values.Remove(variable);

    /// <summary>
    /// The passes of <c>for (int i = first; i &lt; bound; i++)</c> (or <c>i += step</c>); null where the build does not know how many there
    /// can be.
    /// </summary>
    public LoopPasses? Passes(ForStatementSyntax loop, ILocalSymbol variable)
    {
        if (loop.Declaration!.Variables[0].Initializer is not { } initializer || Range(initializer.Value) is not { IsExact: true } first
            || loop.Condition is not BinaryExpressionSyntax condition || !condition.IsKind(SyntaxKind.LessThanExpression)
                || !Names(condition.Left, variable)
            || Range(condition.Right) is not { } bound || loop.Incrementors.Count != 1
                || Step(loop.Incrementors[0], variable) is not { } step)
        {
            return null;
        }

        return new LoopPasses(first.Most, bound.Most - 1, step, bound.IsExact ? null : condition.Right);
    }

    private long? Step(ExpressionSyntax incrementor, ILocalSymbol variable) => incrementor switch
    {
        PostfixUnaryExpressionSyntax postfix when postfix.IsKind(SyntaxKind.PostIncrementExpression)
            && Names(postfix.Operand, variable) => 1,
        PrefixUnaryExpressionSyntax prefix when prefix.IsKind(SyntaxKind.PreIncrementExpression) && Names(prefix.Operand, variable) => 1,
        AssignmentExpressionSyntax sum when sum.IsKind(SyntaxKind.AddAssignmentExpression) && Names(sum.Left, variable)
            && Range(sum.Right) is { IsExact: true, Most: > 0 } by => by.Most,
        _ => null,
    };

    private bool Names(ExpressionSyntax expression, ISymbol variable) =>
        SymbolEqualityComparer.Default.Equals(collectives.Model(expression).GetSymbolInfo(expression).Symbol, variable);

    /// <summary>The most an expression of values that are not negative can be.</summary>
    private (long Most, bool IsExact)? Range(ExpressionSyntax expression)
    {
        if (collectives.Model(expression).GetConstantValue(expression) is { HasValue: true, Value: int constant })
        {
            return (constant, true);
        }

        switch (expression)
        {
            case ParenthesizedExpressionSyntax inner:
                return Range(inner.Expression);
            case IdentifierNameSyntax name when collectives.Model(name).GetSymbolInfo(name).Symbol is { } symbol:
                return values.TryGetValue(symbol, out long value) ? (value, true)
                    : symbol is IParameterSymbol parameter && KernelApi.Most(parameter) is int most ? (most, false)
                    : null;
            case BinaryExpressionSyntax binary when Range(binary.Left) is { } left && Range(binary.Right) is { } right:
                return binary.Kind() switch
                {
                    SyntaxKind.AddExpression => (left.Most + right.Most, left.IsExact && right.IsExact),
                    SyntaxKind.MultiplyExpression => (left.Most * right.Most, left.IsExact && right.IsExact),
                    SyntaxKind.SubtractExpression when right.IsExact => (left.Most - right.Most, left.IsExact),
                    SyntaxKind.DivideExpression when right is { IsExact: true, Most: > 0 } => (left.Most / right.Most, left.IsExact),
                    _ => null,
                };
            default:
                return null;
        }
    }
}
