using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Engine.Compiler.Managed;

/// <summary>
/// Prints C# code of a kernel as code of one work-item of the managed executor: names fully qualified, the kernel API's
/// intrinsics replaced by what the executor knows, reads of views checked, helpers called in their printed copies.
/// </summary>
internal sealed class ManagedText(Collectives collectives) : CSharpText<Scope>(collectives)
{
    private const string Runtime = "global::Engine.Devices.Kernels.KernelRuntime";
    private readonly Collectives collectives = collectives;
    private readonly Dictionary<IMethodSymbol, string> copies = new(SymbolEqualityComparer.Default);
    private readonly List<string> printedCopies = new();

    /// <summary>The label that a return statement of an item jumps to, or null in helpers.</summary>
    public string? EndLabel { get; set; }

    public bool EndLabelUsed { get; set; }

    /// <summary>Helpers, printed as static methods.</summary>
    public IEnumerable<string> Copies => printedCopies;

    public override string Print(SyntaxNode node, Scope scope)
    {
        if (scope.Replacements.TryGetValue(node, out Replacement? replacement))
        {
            return replacement.Text();
        }

        switch (node)
        {
            case ReturnStatementSyntax when !scope.IsCopy:
                EndLabelUsed = true;
                return $"goto {EndLabel};";
            case ElementAccessExpressionSyntax element when KernelApi.IsView(Model(node).GetTypeInfo(element.Expression).Type):
                return Element(element, scope);
            case VariableDeclaratorSyntax declarator when scope.IsCopy && LocalMemory(declarator.Initializer?.Value) is { } extent:
                return $"{declarator.Identifier.Text} = {LocalMemoryOfCopy(declarator.Initializer!.Value, extent, scope)}";
            case DeclarationExpressionSyntax { Designation: SingleVariableDesignationSyntax single } when Model(node)
                .GetDeclaredSymbol(single) is { } declared
                && scope.Variables.TryGetValue(declared, out Variable? variable) && variable.Kind == VariableKind.Item && variable.Crosses:
                return variable.Text;
            default:
                return base.Print(node, scope);
        }
    }

    protected override string TypeText(ITypeSymbol type, Scope scope) => scope.TypeText(type);

    protected override string Variable(ISymbol symbol, Scope scope) => scope.Variables.TryGetValue(symbol, out Variable? variable)
        ? variable.Text
        : KernelApi.Escape(symbol is IParameterSymbol ? symbol.Name : symbol.Name + scope.Suffix);

    protected override string IntrinsicProperty(string intrinsic, Scope scope) => Intrinsic(intrinsic, scope);

    private static string Intrinsic(string intrinsic, Scope scope)
    {
        string name = intrinsic.Replace(".", string.Empty);
        if (name == "WarpLaneIdx")
        {
            return $"({Intrinsic("Group.IdxX", scope)} & 31)";
        }

        if (name == "WarpWarpSize")
        {
            return "32";
        }

        if (name == "TileTeamIdx")
        {
            return $"({Intrinsic("Group.IdxX", scope)} / global::Engine.Devices.Kernels.Tile.TeamItems)";
        }

        return (scope.IsCopy, name) switch
        {
            (true, _) => $"__item.{name}",
            (false, "GroupIdxX") => "__i",
            (false, "GroupDimX") => "__size",
            _ => $"__{name}",
        };
    }

    private string Element(ElementAccessExpressionSyntax element, Scope scope)
    {
        string view = Print(element.Expression, scope);
        string index = Print(element.ArgumentList.Arguments[0], scope);
        if (IsWritten(element))
        {
            return $"{view}[{index}]";
        }

        string type = scope.TypeText(KernelApi.Element(Model(element).GetTypeInfo(element.Expression).Type!));
        return $"{Runtime}.Read<TReads, {type}>({view}, {index})";
    }

    /// <summary>Whether an element, or a part of it, is assigned or passed by reference.</summary>
    private static bool IsWritten(SyntaxNode node)
    {
        while (node.Parent is ParenthesizedExpressionSyntax or MemberAccessExpressionSyntax or ElementAccessExpressionSyntax
            && node.Parent.ChildNodes().First() == node)
        {
            node = node.Parent;
        }

        return node.Parent switch
        {
            AssignmentExpressionSyntax assignment => assignment.Left == node,
            PostfixUnaryExpressionSyntax => true,
            PrefixUnaryExpressionSyntax prefix =>
                prefix.IsKind(SyntaxKind.PreIncrementExpression) || prefix.IsKind(SyntaxKind.PreDecrementExpression),
            ArgumentSyntax argument => !argument.RefKindKeyword.IsKind(SyntaxKind.None),
            _ => false,
        };
    }

    protected override string Call(InvocationExpressionSyntax call, IMethodSymbol method, Scope scope)
    {
        string[] arguments = call.ArgumentList.Arguments.Select(a => Print(a, scope)).ToArray();
        string list = string.Join(", ", arguments);
        if (KernelApi.Intrinsic(method) == "Storage.Load")
        {
            return $"{Runtime}.Load<TReads, {scope.TypeText(method.TypeArguments[0])}>({list})";
        }

        if (Collectives.IsCopy(method) || KernelApi.Intrinsic(method) is "Tile.LoadA" or "Tile.LoadB" or "Tile.ScaleRows" or "Tile.Store")
        {
            string types = string.Concat(method.TypeArguments.Select(t => $", {scope.TypeText(t)}"));
            string others = string.Concat(arguments.Select(argument => ", " + argument));
            string runtime = $"global::Engine.Devices.Kernels.{method.ContainingType.Name}Runtime";
            return $"{runtime}.{method.Name}<TReads{types}>({Intrinsic("Group.IdxX", scope)}{others})";
        }

        if (Collectives.IsHelper(method))
        {
            string types = string.Concat(method.TypeArguments.Select(t => $", {scope.TypeText(t)}"));
            string item = collectives.NeedsWorkItem(method)
                ? $"{(arguments.Length > 0 ? ", " : string.Empty)}__item: {Item(scope)}"
                : string.Empty;
            return $"{Copy(method)}<TReads{types}>({list}{item})";
        }

        if (method.IsStatic)
        {
            string types = method.IsGenericMethod ? $"<{string.Join(", ", method.TypeArguments.Select(scope.TypeText))}>" : string.Empty;
            return $"{scope.TypeText(method.ContainingType)}.{method.Name}{types}({list})";
        }

        string receiver = call.Expression is MemberAccessExpressionSyntax member ? Print(member.Expression, scope) + "." : string.Empty;
        return $"{receiver}{method.Name}({list})";
    }

    private static string Item(Scope scope) => scope.IsCopy
        ? "__item"
        : "new global::Engine.Devices.Kernels.WorkItem(__GridIdxX, __GridIdxY, __GridIdxZ, __GridDimX, __GridDimY, "
            + "__GridDimZ, __size, __i)";

    /// <summary>The name of a helper's printed copy; prints it on first need.</summary>
    private string Copy(IMethodSymbol method)
    {
        IMethodSymbol definition = method.OriginalDefinition;
        if (copies.TryGetValue(definition, out string? known))
        {
            return known;
        }

        string name = $"__{definition.ContainingType.Name}_{definition.Name}_{copies.Count}";
        copies[definition] = name;
        var scope = new Scope(definition, string.Empty, isCopy: true);
        MethodDeclarationSyntax declaration = Collectives.Declaration(definition)!;
        string types = string.Concat(definition.TypeParameters.Select(t => $", {t.Name}"));
        IEnumerable<string> parameters = declaration.ParameterList.Parameters.Select(p =>
            $"{Modifiers(p)} {Print(p.Type!, scope)} {p.Identifier.Text}"
            + (p.Default is { } value ? $" = {Print(value.Value, scope)}" : string.Empty));
        if (collectives.NeedsWorkItem(definition))
        {
            // Last by name, first by position would break arguments that are named; optional parameters may not come before it.
            parameters = parameters.Concat(new[] { "global::Engine.Devices.Kernels.WorkItem __item = default" });
        }

        string constraints = string.Join(" ", declaration.ConstraintClauses.Select(c => Print(c, scope)));
        string body = declaration.Body is { } block ? Print(block, scope) : $"=> {Print(declaration.ExpressionBody!.Expression, scope)};";
        printedCopies.Add(
            $"[global::System.Runtime.CompilerServices.SkipLocalsInit] "
                + $"private static unsafe {Print(declaration.ReturnType, scope)} {name}<TReads{types}>({string.Join(", ", parameters)}) "
            + $"where TReads : struct, global::Engine.Devices.Kernels.IReadPolicy {constraints} {body}");
        return name;
    }

    /// <summary>Operands, which are large, go by reference.</summary>
    private string Modifiers(ParameterSyntax parameter) => KernelApi.IsOperands(Model(parameter).GetTypeInfo(parameter.Type!).Type)
        ? "in"
        : string.Join(" ", parameter.Modifiers.Where(m => !m.IsKind(SyntaxKind.ThisKeyword)).Select(m => m.Text));

    /// <summary>The extent of a <c>LocalMemory.Allocate</c>, or null for another expression.</summary>
    public ExpressionSyntax? LocalMemory(ExpressionSyntax? value) => Allocation(value, "LocalMemory.Allocate");

    /// <summary>The extent of a call of <paramref name="intrinsic"/>, or null for another expression.</summary>
    public ExpressionSyntax? Allocation(ExpressionSyntax? value, string intrinsic) =>
        value is InvocationExpressionSyntax call && collectives.Target(call) is { } method && KernelApi.Intrinsic(method) == intrinsic
            ? call.ArgumentList.Arguments[0].Expression
            : null;

    private string LocalMemoryOfCopy(ExpressionSyntax allocation, ExpressionSyntax extent, Scope scope)
    {
        string type = scope.TypeText(collectives.Target((InvocationExpressionSyntax)allocation)!.TypeArguments[0]);
        string count = Print(extent, scope);
        return $"{Runtime}.LocalMemory<TReads, {type}>(stackalloc byte[{Runtime}.SizeInBytes<{type}>({count})], {count})";
    }
}
