using System.Collections.Generic;
using System.Linq;
using Engine.Compiler.Managed;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Engine.Compiler.Ilgpu;

/// <summary>Which variables of a method end up in an index of local memory: loops over those are unrolled.</summary>
internal sealed class LocalIndices(Collectives collectives)
{
    private readonly Dictionary<string, HashSet<ISymbol>> known = new();

    /// <summary>The views of local memory that a method sees: what it allocates, and parameters it is called with.</summary>
    public HashSet<ISymbol> LocalViews(Specimen specimen)
    {
        var views = new HashSet<ISymbol>(specimen.LocalViews.Select(i => specimen.Method.Parameters[i]), SymbolEqualityComparer.Default);
        foreach (VariableDeclaratorSyntax declarator in Nodes(specimen.Method).OfType<VariableDeclaratorSyntax>())
        {
            bool allocates = declarator.Initializer?.Value is InvocationExpressionSyntax call && collectives.Target(call) is { } target
                && KernelApi.Intrinsic(target) == "LocalMemory.Allocate";
            if (allocates && collectives.Model(declarator).GetDeclaredSymbol(declarator) is { } symbol)
            {
                views.Add(symbol);
            }
        }

        return views;
    }

    /// <summary>The positions of a call's arguments that are views of local memory.</summary>
    public IReadOnlyList<int> LocalArguments(InvocationExpressionSyntax call, IMethodSymbol method, HashSet<ISymbol> local) =>
        Arguments(call, method).Where(a => Symbol(a.Value) is { } symbol && local.Contains(symbol)).Select(a => a.Ordinal)
            .OrderBy(i => i).ToArray();

    /// <summary>Variables and parameters whose values reach an index of local memory, in the method or in what it calls.</summary>
    public HashSet<ISymbol> Indexing(Specimen specimen)
    {
        if (known.TryGetValue(specimen.Key, out HashSet<ISymbol>? found))
        {
            return found;
        }

        HashSet<ISymbol> local = LocalViews(specimen);
        found = new HashSet<ISymbol>(SymbolEqualityComparer.Default);
        known[specimen.Key] = found;
        SyntaxNode[] nodes = Nodes(specimen.Method).ToArray();
        foreach (SyntaxNode node in nodes)
        {
            foreach (ExpressionSyntax index in LocalIndexes(node, local))
            {
                found.UnionWith(Variables(index));
            }
        }

        // A variable that is computed from another one hands the index on.
        for (int before = -1; before != found.Count;)
        {
            before = found.Count;
            foreach (SyntaxNode node in nodes)
            {
                (ISymbol? target, ExpressionSyntax? value) = Assigned(node);
                if (target is not null && value is not null && found.Contains(target))
                {
                    found.UnionWith(Variables(value));
                }
            }
        }

        return found;
    }

    private IEnumerable<ExpressionSyntax> LocalIndexes(SyntaxNode node, HashSet<ISymbol> local)
    {
        switch (node)
        {
            case ElementAccessExpressionSyntax element when Symbol(element.Expression) is { } view && local.Contains(view):
                yield return element.ArgumentList.Arguments[0].Expression;
                break;
            case InvocationExpressionSyntax call when collectives.Target(call) is { } method:
                if (KernelApi.Intrinsic(method) is "Storage.Load" or "Storage.Store")
                {
                    if (Symbol(call.ArgumentList.Arguments[0].Expression) is { } stored && local.Contains(stored))
                    {
                        yield return call.ArgumentList.Arguments[1].Expression;
                    }
                }
                else if (Collectives.IsHelper(method))
                {
                    HashSet<ISymbol> inside = Indexing(new Specimen(method.OriginalDefinition, LocalArguments(call, method, local)));
                    foreach ((int ordinal, ExpressionSyntax value) in Arguments(call, method))
                    {
                        if (inside.Contains(method.OriginalDefinition.Parameters[ordinal]))
                        {
                            yield return value;
                        }
                    }
                }

                break;
        }
    }

    private (ISymbol? Target, ExpressionSyntax? Value) Assigned(SyntaxNode node) => node switch
    {
        VariableDeclaratorSyntax { Initializer: { } initializer } declarator =>
            (collectives.Model(node).GetDeclaredSymbol(declarator), initializer.Value),
        AssignmentExpressionSyntax assignment => (Symbol(assignment.Left), assignment.Right),
        _ => (null, null),
    };

    private IEnumerable<ISymbol> Variables(ExpressionSyntax expression) =>
        expression.DescendantNodesAndSelf().OfType<IdentifierNameSyntax>()
            .Select(name => Symbol(name)!).Where(symbol => symbol is ILocalSymbol or IParameterSymbol);

    private static IEnumerable<(int Ordinal, ExpressionSyntax Value)> Arguments(InvocationExpressionSyntax call, IMethodSymbol method)
    {
        for (int i = 0; i < call.ArgumentList.Arguments.Count; i++)
        {
            ArgumentSyntax argument = call.ArgumentList.Arguments[i];
            int ordinal = argument.NameColon is { } named ? method.Parameters.First(p => p.Name == named.Name.Identifier.Text).Ordinal : i;
            yield return (ordinal, argument.Expression);
        }
    }

    private ISymbol? Symbol(ExpressionSyntax expression) => collectives.Model(expression).GetSymbolInfo(expression).Symbol;

    private static IEnumerable<SyntaxNode> Nodes(IMethodSymbol method) =>
        Collectives.Declaration(method)?.DescendantNodes() ?? Enumerable.Empty<SyntaxNode>();
}
