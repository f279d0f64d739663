using System.Globalization;
using System.Text;
using Engine.Compiler.Managed;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Engine.Compiler;

/// <summary>
/// Prints C# code again as C# that can stand in another class: names fully qualified, constants in place. What becomes of variables, types
/// and calls is for the derived class to say.
/// </summary>
/// <typeparam name="TScope">What names mean in one printed method.</typeparam>
internal abstract class CSharpText<TScope>(Collectives collectives)
{
    /// <summary>A node's text, without its comments.</summary>
    public virtual string Print(SyntaxNode node, TScope scope) => node switch
    {
        NameColonSyntax or NameEqualsSyntax => node.ToString(),
        MemberAccessExpressionSyntax member => Member(member, scope),
        NameSyntax name => Name(name, scope),
        InvocationExpressionSyntax call when collectives.Target(call) is { } method => Call(call, method, scope),
        VariableDeclaratorSyntax declarator =>
            Identifier(declarator, declarator.Identifier, scope)
                + (declarator.Initializer is { } value ? $" = {Print(value.Value, scope)}" : string.Empty),
        SingleVariableDesignationSyntax designation => Identifier(designation, designation.Identifier, scope),
        _ => Children(node, scope),
    };

    /// <summary>A type as the printed code writes it.</summary>
    protected abstract string TypeText(ITypeSymbol type, TScope scope);

    /// <summary>A local variable's or parameter's text.</summary>
    protected abstract string Variable(ISymbol symbol, TScope scope);

    /// <summary>The kernel API's property, such as <c>Group.IdxX</c>.</summary>
    protected abstract string IntrinsicProperty(string intrinsic, TScope scope);

    protected abstract string Call(InvocationExpressionSyntax call, IMethodSymbol method, TScope scope);

    protected SemanticModel Model(SyntaxNode node) => collectives.Model(node);

    protected string Children(SyntaxNode node, TScope scope)
    {
        var text = new StringBuilder();
        foreach (SyntaxNodeOrToken child in node.ChildNodesAndTokens())
        {
            text.Append(child.AsNode() is { } inner ? Print(inner, scope) : child.AsToken().Text).Append(' ');
        }

        return text.ToString();
    }

    private string Identifier(SyntaxNode declaration, SyntaxToken identifier, TScope scope) =>
        Model(declaration).GetDeclaredSymbol(declaration) is { } symbol ? Variable(symbol, scope) : identifier.Text;

    private string Name(NameSyntax name, TScope scope)
    {
        ISymbol? symbol = Model(name).GetSymbolInfo(name).Symbol;
        return symbol switch
        {
            ITypeSymbol type => TypeText(type, scope),
            ILocalSymbol { IsConst: true, HasConstantValue: true } constant when constant.Type.SpecialType != SpecialType.System_String
                && Finite(constant.ConstantValue!) =>
                Constant(constant.Type, constant.ConstantValue!, scope),
            ILocalSymbol or IParameterSymbol => Variable(symbol, scope),
            { IsStatic: true } => Static(symbol, scope),
            _ => name.ToString(),
        };
    }

    private string Member(MemberAccessExpressionSyntax member, TScope scope) => Model(member).GetSymbolInfo(member).Symbol switch
    {
        ITypeSymbol type => TypeText(type, scope),
        { IsStatic: true } symbol and not IMethodSymbol { MethodKind: MethodKind.ReducedExtension } => Static(symbol, scope),
        _ => $"{Print(member.Expression, scope)}.{member.Name}",
    };

    private string Static(ISymbol symbol, TScope scope)
    {
        if (KernelApi.Intrinsic(symbol) is { } intrinsic && symbol is IPropertySymbol)
        {
            return IntrinsicProperty(intrinsic, scope);
        }

        if (symbol is IFieldSymbol { IsConst: true, ConstantValue: { } constant, ContainingType.Locations: { Length: > 0 } locations } field
            && locations[0].IsInSource && field.Type.SpecialType != SpecialType.System_String && Finite(constant))
        {
            return Constant(field.Type, constant, scope);
        }

        return $"{TypeText(symbol.ContainingType, scope)}.{symbol.Name}";
    }

    private string Constant(ITypeSymbol type, object value, TScope scope)
    {
        string literal = value switch
        {
            bool b => b ? "true" : "false",
            float f => f.ToString("R", CultureInfo.InvariantCulture),
            double d => d.ToString("R", CultureInfo.InvariantCulture),
            _ => string.Format(CultureInfo.InvariantCulture, "{0}", value),
        };
        return $"(({TypeText(type, scope)})({literal}))";
    }

    private static bool Finite(object value) => value is not (double.NaN or double.PositiveInfinity or double.NegativeInfinity
        or float.NaN or float.PositiveInfinity or float.NegativeInfinity);
}
