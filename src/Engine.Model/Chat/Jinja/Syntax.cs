namespace Engine.Model.Chat.Jinja;

/// <summary>A template as it was parsed.</summary>
internal sealed record TemplateSyntax(
    IReadOnlyList<Statement> Body, IReadOnlyDictionary<string, BlockStatement> Blocks, bool HasGeneration);

internal abstract record Expression(int Line);

internal sealed record Constant(int Line, object? Value) : Expression(Line);

internal sealed record NameExpression(int Line, string Id) : Expression(Line);

internal sealed record ListExpression(int Line, IReadOnlyList<Expression> Items) : Expression(Line);

internal sealed record TupleExpression(int Line, IReadOnlyList<Expression> Items) : Expression(Line);

internal sealed record DictExpression(int Line, IReadOnlyList<(Expression Key, Expression Value)> Items) : Expression(Line);

internal sealed record AttributeExpression(int Line, Expression Target, string Name) : Expression(Line);

internal sealed record ItemExpression(int Line, Expression Target, Expression Index) : Expression(Line);

internal sealed record SliceExpression(int Line, Expression? Start, Expression? Stop, Expression? Step) : Expression(Line);

internal sealed record CallExpression(int Line, Expression Target, CallSyntax Arguments) : Expression(Line);

/// <summary>A filter; no target where it filters the body of a block.</summary>
internal sealed record FilterExpression(int Line, Expression? Target, string Name, CallSyntax Arguments) : Expression(Line);

internal sealed record TestExpression(int Line, Expression Target, string Name, CallSyntax Arguments) : Expression(Line);

internal sealed record NotExpression(int Line, Expression Operand) : Expression(Line);

internal sealed record UnaryExpression(int Line, bool IsNegation, Expression Operand) : Expression(Line);

internal sealed record BinaryExpression(int Line, string Operator, Expression Left, Expression Right) : Expression(Line);

internal sealed record LogicalExpression(int Line, bool IsAnd, Expression Left, Expression Right) : Expression(Line);

internal sealed record CompareExpression(int Line, Expression First, IReadOnlyList<(string Operator, Expression Operand)> Rest)
    : Expression(Line);

internal sealed record ConcatExpression(int Line, IReadOnlyList<Expression> Items) : Expression(Line);

internal sealed record ConditionalExpression(int Line, Expression Test, Expression Then, Expression? Else) : Expression(Line);

/// <summary>An attribute of a namespace, as the target of <c>set</c>.</summary>
internal sealed record NamespaceTarget(int Line, string Namespace, string Name) : Expression(Line);

/// <summary>What stands in the parentheses of a call: <c>(a, k=v, *rest, **keywordRest)</c>.</summary>
internal sealed record CallSyntax(
    IReadOnlyList<Expression> Positional, IReadOnlyList<(string Name, Expression Value)> Keyword, Expression? Rest = null,
    Expression? KeywordRest = null)
{
    public static readonly CallSyntax None = new([], []);
}

internal abstract record Statement(int Line);

internal sealed record TextStatement(int Line, string Text) : Statement(Line);

internal sealed record PrintStatement(int Line, Expression Value) : Statement(Line);

internal sealed record IfStatement(int Line, Expression Test, IReadOnlyList<Statement> Then, IReadOnlyList<Statement> Else)
    : Statement(Line);

internal sealed record ForStatement(
    int Line, Expression Target, Expression Items, Expression? Test, bool IsRecursive, IReadOnlyList<Statement> Body,
    IReadOnlyList<Statement> Else) : Statement(Line);

internal sealed record BreakStatement(int Line) : Statement(Line);

internal sealed record ContinueStatement(int Line) : Statement(Line);

internal sealed record SetStatement(int Line, Expression Target, Expression Value) : Statement(Line);

internal sealed record SetBlockStatement(int Line, Expression Target, Expression? Filter, IReadOnlyList<Statement> Body) : Statement(Line);

internal sealed record WithStatement(int Line, IReadOnlyList<(Expression Target, Expression Value)> Values, IReadOnlyList<Statement> Body)
    : Statement(Line);

internal sealed record FilterStatement(int Line, Expression Filter, IReadOnlyList<Statement> Body) : Statement(Line);

internal sealed record MacroStatement(int Line, MacroSyntax Macro) : Statement(Line);

internal sealed record CallStatement(int Line, CallExpression Call, MacroSyntax Caller) : Statement(Line);

internal sealed record GenerationStatement(int Line, IReadOnlyList<Statement> Body) : Statement(Line);

internal sealed record BlockStatement(int Line, string Name, bool IsScoped, IReadOnlyList<Statement> Body) : Statement(Line);

/// <summary>A statement that would load another template: an error where it is reached.</summary>
internal sealed record LoadStatement(int Line) : Statement(Line);

/// <summary>
/// A macro, or the body of a call block (no name); it takes what it has no name for only where its body mentions <c>varargs</c> or
/// <c>kwargs</c>.
/// </summary>
internal sealed record MacroSyntax(
    string? Name, IReadOnlyList<(string Name, Expression? Default)> Parameters, bool TakesVarargs, bool TakesKwargs, bool TakesCaller,
    IReadOnlyList<Statement> Body);
