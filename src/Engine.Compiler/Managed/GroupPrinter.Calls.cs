using System.Collections.Generic;
using System.Linq;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Engine.Compiler.Managed;

/// <summary>Calls that all items make together: shuffles, and helpers with barriers, which are inlined.</summary>
internal sealed partial class GroupPrinter
{
    /// <summary>Computes an expression's shuffles and helpers with barriers before the statement it belongs to.</summary>
    private void Hoist(ExpressionSyntax expression, Scope scope)
    {
        // Descendants come after their ancestors, so the reversed order computes arguments before the call that takes them.
        foreach (InvocationExpressionSyntax call in collectives.CollectiveCalls(expression).Reverse().ToArray())
        {
            IMethodSymbol method = collectives.Target(call)!;
            if (UnderCondition(call, expression))
            {
                log.Report(
                    Diagnostics.DivergentBarrier, call,
                    "A shuffle, an operation on tiles or a helper with a barrier cannot stand in a part of an expression that is not "
                        + "always evaluated; compute it in a statement before");
                return;
            }

            if (Collectives.IsShuffle(method))
            {
                Shuffle(call, method, scope);
            }
            else if (!Collectives.IsTileOperation(method) && Inline(call, method, scope) is { } result)
            {
                scope.Replacements[call] = new Replacement(() => result.Text, result, null);
            }
        }
    }

    private static bool UnderCondition(SyntaxNode node, SyntaxNode root)
    {
        for (SyntaxNode child = node; child != root && child.Parent is { } parent; child = parent)
        {
            if ((parent is ConditionalExpressionSyntax choice && child != choice.Condition)
                || (parent is BinaryExpressionSyntax binary && child == binary.Right
                    && (binary.IsKind(SyntaxKind.LogicalAndExpression) || binary.IsKind(SyntaxKind.LogicalOrExpression))))
            {
                return true;
            }
        }

        return false;
    }

    private void Shuffle(InvocationExpressionSyntax call, IMethodSymbol method, Scope scope)
    {
        usesWarp = true;
        ExpressionSyntax value = call.ArgumentList.Arguments[0].Expression;
        ExpressionSyntax source = call.ArgumentList.Arguments[1].Expression;
        Variable exchanged = Add(null, method.Parameters[0].Type, VariableKind.Item, scope, $"__shuffled{inlined++}");
        exchanged.Exchanged = true;
        Use(value, scope);
        Set(exchanged, () => text.Print(value, scope));
        phases.Cut();
        scope.Replacements[call] = new Replacement(
            () => $"{exchanged.Slots}[global::Engine.Devices.Kernels.KernelRuntime.{method.Name}(__i, {text.Print(source, scope)})]",
            exchanged, source);
    }

    /// <summary>Prints a helper's statements in place of its call; gives the variable that holds the result, or null for void.</summary>
    private Variable? Inline(InvocationExpressionSyntax call, IMethodSymbol method, Scope caller)
    {
        MethodDeclarationSyntax declaration = Collectives.Declaration(method)!;
        var scope = new Scope(method, $"_{++inlined}", isCopy: false);
        foreach ((ITypeParameterSymbol parameter, ITypeSymbol argument) in method.OriginalDefinition.TypeParameters.Zip(
            method.TypeArguments, (p, a) => (p, a)))
        {
            scope.TypeArguments[parameter] = caller.Substitute(argument);
        }

        foreach (IParameterSymbol parameter in method.OriginalDefinition.Parameters)
        {
            Bind(parameter, call, scope, caller);
        }

        IReadOnlyList<StatementSyntax> statements = declaration.Body?.Statements ?? default;
        ExpressionSyntax? returned = declaration.ExpressionBody?.Expression;
        if (statements.Count > 0 && statements[statements.Count - 1] is ReturnStatementSyntax last)
        {
            returned = last.Expression;
            statements = statements.Take(statements.Count - 1).ToArray();
        }

        if (statements.Any(Returns))
        {
            log.Report(
                Diagnostics.DivergentBarrier, declaration.Identifier.GetLocation(),
                $"Helper '{method.Name}' contains a barrier, a shuffle or an operation on tiles, "
                    + $"so it may return only in its last statement");
            return null;
        }

        Statements(statements, scope, tail: false);
        if (returned is null)
        {
            return null;
        }

        if (method.ReturnsVoid)
        {
            Effect(returned, scope);
            return null;
        }

        Hoist(returned, scope);
        Variable result = Add(null, method.OriginalDefinition.ReturnType, VariableKind.Item, scope, $"__result{inlined}");
        Use(returned, scope);
        Set(result, () => text.Print(returned, scope));
        return result;
    }

    private void Bind(IParameterSymbol parameter, InvocationExpressionSyntax call, Scope scope, Scope caller)
    {
        ArgumentSyntax? argument = call.ArgumentList.Arguments.FirstOrDefault(a => a.NameColon?.Name.Identifier.Text == parameter.Name)
            ?? call.ArgumentList.Arguments.Where((a, i) => a.NameColon is null && i == parameter.Ordinal).FirstOrDefault();
        if (parameter.RefKind != RefKind.None)
        {
            if (argument is not null && collectives.Model(argument).GetSymbolInfo(argument.Expression).Symbol is { } variable
                && caller.Variables.TryGetValue(variable, out Variable? target))
            {
                scope.Variables[parameter] = target;
            }
            else
            {
                log.Report(
                    Diagnostics.DivergentBarrier, call,
                    $"Parameter '{parameter.Name}' of '{call.Expression}', which contains a barrier, is passed by reference; "
                        + $"pass a local variable that is declared before the call");
            }

            return;
        }

        bool written = collectives.Writes(scope.Method).Contains(parameter);
        if (argument is null)
        {
            string constant = SymbolDisplay.FormatPrimitive(
                parameter.ExplicitDefaultValue ?? 0, quoteStrings: false, useHexadecimalNumbers: false);
            Variable defaulted = Add(parameter, parameter.Type, VariableKind.Item, scope);
            Set(defaulted, () => $"({defaulted.Type})({constant})");
            return;
        }

        ExpressionSyntax value = argument.Expression;
        if (KernelApi.IsSpecialized(parameter))
        {
            scope.Variables[parameter] =
                new Variable($"({text.Print(value, caller)})", scope.TypeText(parameter.Type), VariableKind.Uniform);
            return;
        }

        if (!written && collectives.Model(value).GetSymbolInfo(value).Symbol is { } symbol
            && caller.Variables.TryGetValue(symbol, out Variable? same)
            && same.Kind is not VariableKind.Item
                && SymbolEqualityComparer.Default.Equals(
                    collectives.Model(value).GetTypeInfo(value).Type, collectives.Model(value).GetTypeInfo(value).ConvertedType))
        {
            scope.Variables[parameter] = same;
        }
        else if (!written && !phases.OpenPhaseReturns && uniformity.IsUniform(value, caller))
        {
            Variable uniform = Add(parameter, parameter.Type, VariableKind.Uniform, scope);
            phases.Uniform(() => $"{uniform.Type} {uniform.Name} = {text.Print(value, caller)};");
        }
        else if (!written && uniformity.IsRecomputable(value, caller))
        {
            Recompute(Add(parameter, parameter.Type, VariableKind.Recomputed, scope), value, caller);
        }
        else
        {
            Use(value, caller);
            Variable item = Add(parameter, parameter.Type, VariableKind.Item, scope);
            Set(item, () => text.Print(value, caller));
        }
    }
}
