using System.Collections.Generic;
using System.Linq;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Operations;

namespace Engine.Compiler.DeviceText;

/// <summary>Statements.</summary>
internal sealed partial class DevicePrinter
{
    private void Statement(IOperation operation)
    {
        foreach (IDeclarationExpressionOperation declared in DeclaredInside(operation))
        {
            if (declared.Expression is ILocalReferenceOperation { Local: { } local })
            {
                text.Line($"{TypeName(local.Type, declared.Syntax.GetLocation())} {function.Declare(local)};");
            }
        }

        switch (operation)
        {
            case IBlockOperation block:
                text.Open();
                foreach (IOperation statement in block.Operations)
                {
                    Statement(statement);
                }

                text.Close();
                break;
            case IVariableDeclarationGroupOperation group:
                Declare(group);
                break;
            case IExpressionStatementOperation { Operation: { } expression }:
                foreach (string line in Effect(expression))
                {
                    text.Line(line + ";");
                }

                break;
            case IConditionalOperation { Type: null } branch:
                If(branch, string.Empty);
                break;
            case IForLoopOperation loop:
                For(loop);
                break;
            case IWhileLoopOperation { ConditionIsTop: true } loop:
                text.Open($"while ({Expression(loop.Condition!)})");
                Nested(loop.Body);
                text.Close();
                break;
            case IWhileLoopOperation loop:
                text.Open("do");
                Nested(loop.Body);
                text.Close($" while ({Expression(loop.Condition!)});");
                break;
            case ISwitchOperation choice:
                Switch(choice);
                break;
            case IBranchOperation { BranchKind: BranchKind.Break }:
                text.Line("break;");
                break;
            case IBranchOperation { BranchKind: BranchKind.Continue }:
                text.Line("continue;");
                break;
            case IReturnOperation { Kind: OperationKind.Return, ReturnedValue: null }:
                text.Line("return;");
                break;
            case IReturnOperation { Kind: OperationKind.Return, ReturnedValue: { } value }:
                Return(value);
                break;
            case IEmptyOperation:
                break;
            case IInvalidOperation:
                Invalid(operation);
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

    /// <summary>
    /// Code that C# refuses itself: its error is enough. But of a float atomic C# only says that no overload fits.
    /// </summary>
    private void Invalid(IOperation operation)
    {
        log.Invalid = true;
        foreach (InvocationExpressionSyntax call in operation.Syntax.DescendantNodesAndSelf().OfType<InvocationExpressionSyntax>())
        {
            SemanticModel model = compilation.GetSemanticModel(call.SyntaxTree);
            bool atomic = model.GetSymbolInfo(call).CandidateSymbols.Any(s => KernelApi.IsApi(s.ContainingType, "Atomic"));
            if (atomic && call.ArgumentList.Arguments.Any(a => IsFloat(model.GetTypeInfo(a.Expression).Type)))
            {
                log.Report(Diagnostics.FloatAtomic, call);
            }
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

    /// <summary>Variables that a statement's expressions declare (<c>out float x</c>); in C they stand before the statement.</summary>
    private static IEnumerable<IDeclarationExpressionOperation> DeclaredInside(IOperation statement)
    {
        IEnumerable<IOperation?> expressions = statement switch
        {
            IExpressionStatementOperation e => new[] { e.Operation },
            IVariableDeclarationGroupOperation g => new[] { g },
            IReturnOperation r => new[] { r.ReturnedValue },
            IConditionalOperation c => new[] { c.Condition },
            _ => Enumerable.Empty<IOperation?>(),
        };
        return expressions.OfType<IOperation>().SelectMany(e => e.DescendantsAndSelf()).OfType<IDeclarationExpressionOperation>();
    }

    private void Return(IOperation value)
    {
        // An expression-bodied void method's expression arrives as the returned value.
        if (function.Method.ReturnsVoid)
        {
            foreach (string line in Effect(value))
            {
                text.Line(line + ";");
            }

            return;
        }

        if (KernelApi.IsView(value.Type))
        {
            log.Report(Diagnostics.ViewUse, value.Syntax, "A helper cannot return an ArrayView; let the caller take the SubView, or return the offset");
            return;
        }

        text.Line($"return {Expression(value)};");
    }

    private void If(IConditionalOperation branch, string prefix)
    {
        text.Open($"{prefix}if ({Expression(branch.Condition)})");
        Nested(branch.WhenTrue);
        text.Close();
        if (branch.WhenFalse is IConditionalOperation { Type: null } other && !DeclaredInside(other).Any())
        {
            If(other, "else ");
        }
        else if (branch.WhenFalse is { } otherwise)
        {
            text.Open("else");
            Nested(otherwise);
            text.Close();
        }
    }

    /// <summary>A branch's or loop's statements, inside braces that are already printed.</summary>
    private void Nested(IOperation operation)
    {
        if (operation is IBlockOperation block)
        {
            foreach (IOperation statement in block.Operations)
            {
                Statement(statement);
            }
        }
        else
        {
            Statement(operation);
        }
    }

    private void For(IForLoopOperation loop)
    {
        string before = string.Join(", ", loop.Before.SelectMany(o => o switch
        {
            IVariableDeclarationGroupOperation group => new[] { Declarators(group) },
            IExpressionStatementOperation e => Effect(e.Operation),
            _ => new[] { Expression(o) },
        }));
        string bottom = string.Join(", ", loop.AtLoopBottom.SelectMany(o => Effect(((IExpressionStatementOperation)o).Operation)));
        string condition = loop.Condition is { } c ? Expression(c) : string.Empty;
        if (UnrollsIntoRegisters(loop))
        {
            text.Line("UNROLL");
        }

        text.Open($"for ({before}; {condition}; {bottom})");
        Nested(loop.Body);
        text.Close();
    }

    /// <summary>
    /// A loop with constant bound whose variable indexes local memory: only unrolled does that live in registers.
    /// </summary>
    private bool UnrollsIntoRegisters(IForLoopOperation loop)
    {
        if (loop.Condition is not IBinaryOperation { RightOperand: { } bound } || !IsConstantExtent(bound))
        {
            return false;
        }

        return loop.Body.Descendants().Any(operation => operation switch
        {
            IPropertyReferenceOperation { Property.IsIndexer: true, Instance: ILocalReferenceOperation or IParameterReferenceOperation } element =>
                ViewOf(element.Instance!)?.Space == "PRIVATE" && Counts(element.Arguments[0].Value),
            IInvocationOperation call when KernelApi.Intrinsic(call.TargetMethod) is "Storage.Load" or "Storage.Store" =>
                ViewOf(call.Arguments[0].Value)?.Space == "PRIVATE" && Counts(call.Arguments[1].Value),
            _ => false,
        });

        bool Counts(IOperation index) =>
            index.DescendantsAndSelf().OfType<ILocalReferenceOperation>().Any(l => loop.Locals.Contains(l.Local, SymbolEqualityComparer.Default));
    }

    private void Switch(ISwitchOperation choice)
    {
        text.Open($"switch ({Expression(choice.Value)})");
        foreach (ISwitchCaseOperation section in choice.Cases)
        {
            foreach (ICaseClauseOperation clause in section.Clauses)
            {
                if (clause is ISingleValueCaseClauseOperation { Value: { } value })
                {
                    text.Line($"case {Expression(value)}:");
                }
                else if (clause is IDefaultCaseClauseOperation)
                {
                    text.Line("default:");
                }
                else
                {
                    log.Report(Diagnostics.UnsupportedStatement, clause.Syntax, "A pattern in a switch", "use constants as cases");
                }
            }

            text.Open();
            foreach (IOperation statement in section.Body)
            {
                Statement(statement);
            }

            text.Close();
        }

        text.Close();
    }

    private void Declare(IVariableDeclarationGroupOperation group)
    {
        IVariableDeclaratorOperation[] declarators = group.Declarations.SelectMany(d => d.Declarators).ToArray();
        if (declarators.All(d => !KernelApi.IsView(d.Symbol.Type)))
        {
            if (declarators.Any(d => !d.Symbol.IsConst))
            {
                text.Line(Declarators(group) + ";");
            }

            return;
        }

        foreach (IVariableDeclaratorOperation declarator in declarators)
        {
            DeclareView(declarator);
        }
    }

    private string Declarators(IVariableDeclarationGroupOperation group)
    {
        IVariableDeclaratorOperation[] declarators = group.Declarations.SelectMany(d => d.Declarators).ToArray();
        int faults = log.Count;
        string type = TypeName(declarators[0].Symbol.Type, declarators[0].Syntax.GetLocation());
        if (log.Count > faults)
        {
            return type;
        }

        var parts = new List<string>();
        foreach (IVariableDeclaratorOperation declarator in declarators)
        {
            if (declarator.Symbol.RefKind != RefKind.None)
            {
                log.Report(Diagnostics.UnsupportedStatement, declarator.Syntax, "A ref local", "keep the index and use it again");
            }

            string name = function.Declare(declarator.Symbol);
            IOperation? value = declarator.GetVariableInitializer()?.Value;
            parts.Add(value is null ? name : $"{name} = {Assigned(value)}");
        }

        return $"{type} {string.Join(", ", parts)}";
    }
}
