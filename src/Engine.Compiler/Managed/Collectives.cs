using System.Collections.Generic;
using System.Linq;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Engine.Compiler.Managed;

/// <summary>
/// Finds the code that all items of a group must reach together (barriers, shuffles, operations on tiles, and helpers that contain them),
/// and which variables a method writes.
/// </summary>
internal sealed class Collectives(Compilation compilation)
{
    private readonly Dictionary<SyntaxTree, SemanticModel> models = new();
    private readonly Dictionary<IMethodSymbol, bool> collective = new(SymbolEqualityComparer.Default);
    private readonly Dictionary<IMethodSymbol, bool> waiting = new(SymbolEqualityComparer.Default);
    private readonly Dictionary<IMethodSymbol, bool> placed = new(SymbolEqualityComparer.Default);
    private readonly Dictionary<IMethodSymbol, ILookup<ISymbol, SyntaxNode>> writes = new(SymbolEqualityComparer.Default);

    public static MethodDeclarationSyntax? Declaration(IMethodSymbol method) =>
        method.OriginalDefinition.DeclaringSyntaxReferences.FirstOrDefault()?.GetSyntax() as MethodDeclarationSyntax;

    /// <summary>The node's model, one for each file: the first question to a new model binds the whole method again.</summary>
    public SemanticModel Model(SyntaxNode node)
    {
        if (!models.TryGetValue(node.SyntaxTree, out SemanticModel? model))
        {
            model = compilation.GetSemanticModel(node.SyntaxTree);
            models[node.SyntaxTree] = model;
        }

        return model;
    }

    /// <summary>A static method of the project, whose body is printed with the kernel.</summary>
    public static bool IsHelper(IMethodSymbol method) =>
        method.IsStatic && method.MethodKind == MethodKind.Ordinary && Declaration(method) is not null
            && KernelApi.Intrinsic(method) is null
        && method.ContainingNamespace.ToDisplayString() != KernelApi.Namespace;

    public static bool IsShuffle(IMethodSymbol method) =>
        KernelApi.Intrinsic(method) is "Warp.Shuffle" or "Warp.ShuffleXor" or "Warp.ShuffleDown";

    /// <summary>An operation that a team of items does together. No item waits for another in it.</summary>
    public static bool IsTileOperation(IMethodSymbol method) =>
        KernelApi.Intrinsic(method) is "Tile.LoadA" or "Tile.LoadB" or "Tile.MultiplyAdd" or "Tile.ScaleRows" or "Tile.Store";

    /// <summary>A copy to shared memory, its batches and the wait for them, which an item does by itself.</summary>
    public static bool IsCopy(IMethodSymbol method) =>
        KernelApi.Intrinsic(method) is "TileCopy.Start" or "TileCopy.Commit" or "TileCopy.Wait";

    public bool IsCollective(IMethodSymbol method) =>
        KernelApi.Intrinsic(method) == "Group.Barrier" || IsShuffle(method) || IsTileOperation(method)
            || (IsHelper(method) && Remember(collective, method, IsCollective));

    /// <summary>Whether items wait for one another in a node: all that is collective but operations on tiles.</summary>
    public bool Waits(SyntaxNode node) =>
        node.DescendantNodesAndSelf().OfType<InvocationExpressionSyntax>().Any(i => Target(i) is { } method && Waits(method));

    private bool Waits(IMethodSymbol method) =>
        KernelApi.Intrinsic(method) == "Group.Barrier" || IsShuffle(method) || (IsHelper(method) && Remember(waiting, method, Waits));

    /// <summary>Whether a helper asks where its work-item stands or copies for it, itself or in what it calls.</summary>
    public bool NeedsWorkItem(IMethodSymbol method) =>
        Remember(placed, method, called => IsCopy(called) || (IsHelper(called) && NeedsWorkItem(called)))
        || Members(method).Any(p => KernelApi.Intrinsic(p)?.Split('.')[0] is "Grid" or "Group" or "Warp" or "Tile");

    public IEnumerable<InvocationExpressionSyntax> CollectiveCalls(SyntaxNode node) =>
        node.DescendantNodesAndSelf().OfType<InvocationExpressionSyntax>().Where(i => Target(i) is { } method && IsCollective(method));

    public bool Contains(SyntaxNode node) => CollectiveCalls(node).Any();

    public IMethodSymbol? Target(InvocationExpressionSyntax call) => Model(call).GetSymbolInfo(call).Symbol as IMethodSymbol;

    /// <summary>The places where a method writes its local variables and parameters.</summary>
    public ILookup<ISymbol, SyntaxNode> Writes(IMethodSymbol method)
    {
        method = method.OriginalDefinition;
        if (!writes.TryGetValue(method, out ILookup<ISymbol, SyntaxNode>? found))
        {
            IEnumerable<SyntaxNode> nodes = Declaration(method)?.DescendantNodes() ?? Enumerable.Empty<SyntaxNode>();
            found = nodes.Select(n => (Node: n, Target: Written(n))).Where(w => w.Target is not null)
                .Select(w => (w.Node, Symbol: Model(w.Node).GetSymbolInfo(w.Target!).Symbol)).Where(w => w.Symbol is not null)
                .ToLookup(w => w.Symbol!, w => w.Node, (IEqualityComparer<ISymbol>)SymbolEqualityComparer.Default);
            writes[method] = found;
        }

        return found;
    }

    private ExpressionSyntax? Written(SyntaxNode node)
    {
        ExpressionSyntax? target = node switch
        {
            AssignmentExpressionSyntax assignment => assignment.Left,
            PrefixUnaryExpressionSyntax p when p.IsKind(SyntaxKind.PreIncrementExpression)
                || p.IsKind(SyntaxKind.PreDecrementExpression) => p.Operand,
            PostfixUnaryExpressionSyntax p => p.Operand,
            ArgumentSyntax a when !a.RefKindKeyword.IsKind(SyntaxKind.None) && !a.RefKindKeyword.IsKind(SyntaxKind.InKeyword) =>
                a.Expression,
            _ => null,
        };

        // A field written is a write of the variable that holds it.
        while (true)
        {
            switch (target)
            {
                case ParenthesizedExpressionSyntax inner:
                    target = inner.Expression;
                    break;
                case MemberAccessExpressionSyntax member:
                    target = member.Expression;
                    break;
                default:
                    return target;
            }
        }
    }

    private IEnumerable<ISymbol> Members(IMethodSymbol method) =>
        Declaration(method)?.DescendantNodes().OfType<MemberAccessExpressionSyntax>().Select(m => Model(m).GetSymbolInfo(m).Symbol)
            .OfType<IPropertySymbol>()
        ?? Enumerable.Empty<ISymbol>();

    /// <summary>
    /// Whether <paramref name="test"/> holds for a method that <paramref name="method"/> calls. False while that is being
    /// found out, so that recursion, which the checker reports, ends.
    /// </summary>
    private bool Remember(Dictionary<IMethodSymbol, bool> known, IMethodSymbol method, System.Func<IMethodSymbol, bool> test)
    {
        method = method.OriginalDefinition;
        if (!known.TryGetValue(method, out bool result))
        {
            known[method] = false;
            result = Declaration(method) is { } declaration
                && declaration.DescendantNodes().OfType<InvocationExpressionSyntax>().Select(Target)
                    .Any(called => called is not null && test(called));
            known[method] = result;
        }

        return result;
    }
}
