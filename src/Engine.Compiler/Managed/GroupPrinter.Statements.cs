using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Engine.Compiler.Managed;

/// <summary>Statements: which run for each item, which once for the group.</summary>
internal sealed partial class GroupPrinter
{
    private readonly Stack<string> continues = new();

    /// <param name="tail">Whether nothing but these statements is left to run: then an item may return by itself.</param>
    private void Statements(IReadOnlyList<StatementSyntax> statements, Scope scope, bool tail)
    {
        for (int i = 0; i < statements.Count; i++)
        {
            Statement(statements[i], scope, tail && !statements.Skip(i + 1).Any(collectives.Contains), tail && i == statements.Count - 1);
        }
    }

    /// <param name="mayReturn">Whether an item that returns here misses no barrier.</param>
    /// <param name="last">Whether nothing follows the statement.</param>
    private void Statement(StatementSyntax statement, Scope scope, bool mayReturn, bool last)
    {
        if (statement is LocalDeclarationStatementSyntax declaration)
        {
            foreach (VariableDeclaratorSyntax declarator in declaration.Declaration.Variables)
            {
                Declare(declarator, declaration.IsConst, scope);
            }

            return;
        }

        if (!collectives.Contains(statement) && !(Escapes(statement) || (!mayReturn && Returns(statement))))
        {
            Item(statement, scope);
            return;
        }

        switch (statement)
        {
            case BlockSyntax block:
                phases.Group(() => "{");
                Statements(block.Statements, scope, last);
                phases.Group(() => "}");
                break;
            case ExpressionStatementSyntax expression:
                Effect(expression.Expression, scope);
                break;
            case IfStatementSyntax branch:
                If(branch, scope, last);
                break;
            case ForStatementSyntax loop:
                For(loop, scope);
                break;
            case WhileStatementSyntax loop:
                Loop(loop.Condition, loop.Statement, Array.Empty<ExpressionSyntax>(), scope);
                break;
            case DoStatementSyntax loop:
                Do(loop, scope);
                break;
            case ReturnStatementSyntax:
                phases.Group(() => "return;");
                break;
            case BreakStatementSyntax:
                phases.Group(() => "break;");
                break;
            case ContinueStatementSyntax:
                string target = continues.Peek();
                phases.Group(() => target);
                break;
            default:
                log.Report(
                    Diagnostics.DivergentBarrier, statement,
                    "A barrier, a shuffle, an operation on tiles or a helper that contains one cannot stand in this statement; "
                        + "use if, for, while or do around it");
                break;
        }
    }

    private static bool Returns(SyntaxNode node) => node.DescendantNodesAndSelf().Any(n => n is ReturnStatementSyntax);

    /// <summary>Whether a statement breaks or continues a loop it lies in. Such loops hold barriers, so it happens for the group.</summary>
    private static bool Escapes(StatementSyntax statement) => statement.DescendantNodesAndSelf().Any(n =>
        (n is BreakStatementSyntax && !InsideOf(n, statement, isBreak: true))
            || (n is ContinueStatementSyntax && !InsideOf(n, statement, isBreak: false)));

    private static bool InsideOf(SyntaxNode jump, SyntaxNode statement, bool isBreak)
    {
        for (SyntaxNode? node = jump; node is not null; node = node.Parent)
        {
            if (node is ForStatementSyntax or WhileStatementSyntax or DoStatementSyntax || (isBreak && node is SwitchStatementSyntax))
            {
                return true;
            }

            if (node == statement)
            {
                return false;
            }
        }

        return false;
    }

    private void Declare(VariableDeclaratorSyntax declarator, bool isConst, Scope scope)
    {
        var local = (ILocalSymbol)collectives.Model(declarator).GetDeclaredSymbol(declarator)!;
        ExpressionSyntax? value = declarator.Initializer?.Value;
        if (text.Allocation(value, "SharedMemory.Allocate") is { } sharedExtent)
        {
            Variable shared = Add(local, local.Type, VariableKind.Uniform, scope);
            string element = PhaseList.ElementOf(shared);
            phases.Uniform(() =>
            {
                string count = text.Print(sharedExtent, scope);
                return $"{shared.Type} {shared.Name} = global::Engine.Devices.Kernels.KernelRuntime.Memory<TReads, {element}>("
                    + $"__scratch.Take<{element}>({count}), {count});";
            });
            return;
        }

        if (text.LocalMemory(value) is { } extent)
        {
            Variable memory = Add(local, local.Type, VariableKind.LocalMemory, scope);
            memory.Extent = text.Print(extent, scope);
            memory.Declaration = () => LocalMemoryDeclaration(memory);
            return;
        }

        if (value is not null)
        {
            Hoist(value, scope);
        }

        bool writtenLater = collectives.Writes(scope.Method).Contains(local);
        if (isConst || (value is not null && !writtenLater && !phases.OpenPhaseReturns
            && HasBarriers(scope) && uniformity.IsUniform(value, scope)))
        {
            Variable uniform = Add(local, local.Type, VariableKind.Uniform, scope);
            phases.Uniform(() => $"{(isConst ? "const " : string.Empty)}{uniform.Type} {uniform.Name} = {text.Print(value!, scope)};");
            return;
        }

        if (value is not null && !writtenLater && HasBarriers(scope) && uniformity.IsRecomputable(value, scope))
        {
            Recompute(Add(local, local.Type, VariableKind.Recomputed, scope), value, scope);
            return;
        }

        if (value is not null)
        {
            Use(value, scope);
            DeclareOutVariables(value, scope);
        }

        Variable variable = Add(local, local.Type, VariableKind.Item, scope);
        if (value is not null)
        {
            Set(variable, () => text.Print(value, scope));
        }
        else
        {
            Use(variable);
            phases.Open().Lines.Add(() => variable.Crosses ? string.Empty : $"{variable.Type} {variable.Name};");
        }
    }

    private void Recompute(Variable variable, ExpressionSyntax value, Scope scope)
    {
        variable.Value = value;
        variable.Scope = scope;
        variable.Declaration = () => $"{variable.Type} {variable.Name} = {text.Print(value, scope)};";
    }

    private static string LocalMemoryDeclaration(Variable memory)
    {
        string made = memory.Crosses
            ? $"new {memory.Type}({memory.Slots} + ((long)__i * ({memory.Extent})), {memory.Extent})"
            : $"global::Engine.Devices.Kernels.KernelRuntime.Memory<TReads, {PhaseList.ElementOf(memory)}>({memory.Slots}, {memory.Extent})";
        return $"{memory.Type} {memory.Name} = {made};";
    }

    /// <summary>Whether the kernel is cut into phases at all; in one that is not, uniform variables gain nothing.</summary>
    private bool HasBarriers(Scope scope) => Collectives.Declaration(scope.Method) is { } declaration && collectives.Contains(declaration);

    /// <summary>An expression that is a statement: a barrier, or something whose barriers come before it.</summary>
    private void Effect(ExpressionSyntax expression, Scope scope)
    {
        if (expression is InvocationExpressionSyntax call && collectives.Target(call) is { } method)
        {
            if (KernelApi.Intrinsic(method) == "Group.Barrier")
            {
                phases.Cut();
                return;
            }

            if (Collectives.IsHelper(method) && collectives.IsCollective(method))
            {
                Inline(call, method, scope);
                return;
            }
        }

        Hoist(expression, scope);
        PhaseList.Phase phase = Use(expression, scope);
        DeclareOutVariables(expression, scope);
        phase.Lines.Add(() => text.Print(expression, scope) + ";");
    }

    private void If(IfStatementSyntax branch, Scope scope, bool last)
    {
        string condition = Condition(branch.Condition, scope)();
        phases.Group(() => $"if ({condition}) {{");
        Statements(Block(branch.Statement), scope, last);
        phases.Group(() => "}");
        if (branch.Else is { } otherwise)
        {
            phases.Group(() => "else {");
            Statements(Block(otherwise.Statement), scope, last);
            phases.Group(() => "}");
        }
    }

    private static IReadOnlyList<StatementSyntax> Block(StatementSyntax statement) =>
        statement is BlockSyntax block ? block.Statements : new[] { statement };

    /// <summary>Evaluates a condition for the group and gives the text that stands for its value.</summary>
    private Func<string> Condition(ExpressionSyntax condition, Scope scope)
    {
        Hoist(condition, scope);
        if (uniformity.IsUniform(condition, scope))
        {
            string uniform = text.Print(condition, scope);
            return () => uniform;
        }

        phases.Cut();
        PhaseList.Phase phase = Use(condition, scope);
        DeclareOutVariables(condition, scope);
        string same = $"__same{conditions++}";
        phase.Condition = same;
        FileLinePositionSpan line = condition.GetLocation().GetLineSpan();
        phase.Location = $"\"{System.IO.Path.GetFileName(line.Path)}({line.StartLinePosition.Line + 1})\"";
        phase.Lines.Add(() => $"bool __condition = {text.Print(condition, scope)};");
        phases.Cut();
        return () => same;
    }

    private void For(ForStatementSyntax loop, Scope scope)
    {
        if (UniformLoop(loop, scope))
        {
            return;
        }

        phases.Group(() => "{");
        foreach (VariableDeclaratorSyntax declarator in loop.Declaration?.Variables ?? default)
        {
            Declare(declarator, isConst: false, scope);
        }

        foreach (ExpressionSyntax initializer in loop.Initializers)
        {
            Effect(initializer, scope);
        }

        Loop(loop.Condition, loop.Statement, loop.Incrementors, scope);
        phases.Group(() => "}");
    }

    /// <summary>A loop whose variables and condition are uniform is printed as it stands.</summary>
    private bool UniformLoop(ForStatementSyntax loop, Scope scope)
    {
        if (loop.Initializers.Count > 0 || loop.Declaration is null)
        {
            return false;
        }

        ILookup<ISymbol, SyntaxNode> writes = collectives.Writes(scope.Method);
        ILocalSymbol[] locals = loop.Declaration.Variables.Select(v => (ILocalSymbol)collectives.Model(v).GetDeclaredSymbol(v)!).ToArray();
        bool counted = loop.Declaration.Variables.All(v => v.Initializer is { } i && uniformity.IsUniform(i.Value, scope))
            && locals.All(l => writes[l].All(w => loop.Incrementors.Any(i => i.Contains(w))))
            && loop.Incrementors.All(i => Counted(i) is { } target && locals.Any(l => SymbolEqualityComparer.Default.Equals(l, target)));
        if (!counted)
        {
            return false;
        }

        Variable[] added = locals.Select(l => Add(l, l.Type, VariableKind.Uniform, scope)).ToArray();
        bool uniform = uniformity.IsUniform(loop.Condition, scope)
            && loop.Incrementors.OfType<AssignmentExpressionSyntax>().All(a => uniformity.IsUniform(a.Right, scope));
        if (!uniform)
        {
            foreach ((ILocalSymbol local, Variable variable) in locals.Zip(added, (l, v) => (l, v)))
            {
                scope.Variables.Remove(local);
                variables.Remove(variable);
                names.Remove(variable.Name);
            }

            return false;
        }

        phases.Group(() => "for (" + added[0].Type + " "
            + string.Join(", ", loop.Declaration.Variables.Zip(added, (v, a) => $"{a.Name} = {text.Print(v.Initializer!.Value, scope)}"))
            + "; " + (loop.Condition is { } c ? text.Print(c, scope) : string.Empty) + "; "
            + string.Join(", ", loop.Incrementors.Select(i => text.Print(i, scope))) + ") {");
        continues.Push("continue;");
        Statements(Block(loop.Statement), scope, tail: false);
        continues.Pop();
        phases.Group(() => "}");
        return true;
    }

    /// <summary>The variable that an incrementor changes.</summary>
    private ISymbol? Counted(ExpressionSyntax incrementor)
    {
        ExpressionSyntax? target = incrementor switch
        {
            AssignmentExpressionSyntax assignment => assignment.Left,
            PrefixUnaryExpressionSyntax prefix => prefix.Operand,
            PostfixUnaryExpressionSyntax postfix => postfix.Operand,
            _ => null,
        };
        return target is null ? null : collectives.Model(target).GetSymbolInfo(target).Symbol;
    }

    private void Loop(ExpressionSyntax? condition, StatementSyntax body, IReadOnlyList<ExpressionSyntax> incrementors, Scope scope)
    {
        string next = $"__next{inlined++}";
        phases.Group(() => "while (true) {");
        if (condition is not null)
        {
            ForbidCollectives(condition);
            Func<string> goOn = Condition(condition, scope);
            phases.Group(() => $"if (!({goOn()})) break;");
        }

        // The body has braces of its own: the label must not jump over declarations.
        phases.Group(() => "{");
        continues.Push($"goto {next};");
        Statements(Block(body), scope, tail: false);
        continues.Pop();
        phases.Group(() => "}");
        phases.Group(() => $"{next}: ;");
        foreach (ExpressionSyntax incrementor in incrementors)
        {
            ForbidCollectives(incrementor);
            Effect(incrementor, scope);
        }

        phases.Group(() => "}");
    }

    private void Do(DoStatementSyntax loop, Scope scope)
    {
        string next = $"__next{inlined++}";
        phases.Group(() => "while (true) {");
        phases.Group(() => "{");
        continues.Push($"goto {next};");
        Statements(Block(loop.Statement), scope, tail: false);
        continues.Pop();
        phases.Group(() => "}");
        phases.Group(() => $"{next}: ;");
        ForbidCollectives(loop.Condition);
        Func<string> goOn = Condition(loop.Condition, scope);
        phases.Group(() => $"if (!({goOn()})) break;");
        phases.Group(() => "}");
    }

    private void ForbidCollectives(ExpressionSyntax expression)
    {
        if (collectives.Contains(expression))
        {
            log.Report(
                Diagnostics.DivergentBarrier, expression,
                "A loop's condition or step cannot hold a shuffle, an operation on tiles or a helper with a barrier; "
                    + "compute it in the loop's body");
        }
    }
}
