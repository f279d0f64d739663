namespace Engine.Model.Chat.Jinja;

/// <summary>Reads a template's statements; its other parts read expressions, calls and targets.</summary>
internal sealed partial class Parser
{
    /// <summary>Of tags and expressions; a pair of parentheses takes four.</summary>
    private const int MaxDepth = 400;

    private readonly List<Token> tokens;
    private readonly NameChecks checks = new();
    private readonly Dictionary<string, BlockStatement> blocks = [];

    /// <summary>The names that the bodies of the macros around mention.</summary>
    private readonly List<HashSet<string>> mentioned = [];

    private int index;
    private int depth;
    private int loops;
    private bool hasGeneration;

    private Parser(List<Token> tokens) => this.tokens = tokens;

    private Token Current => tokens[Math.Min(index, tokens.Count - 1)];

    private Token Following => tokens[Math.Min(index + 1, tokens.Count - 1)];

    /// <exception cref="JinjaException">The source is not a template.</exception>
    public static TemplateSyntax Parse(string source)
    {
        Parser parser = new(Lexer.Tokens(source));
        IReadOnlyList<Statement> body = parser.ParseBody([], null);
        parser.checks.Finish();
        return new(body, parser.blocks, parser.hasGeneration);
    }

    /// <summary>Statements up to one of the tags, whose name is left to read.</summary>
    private List<Statement> ParseBody(string[] endTags, string? blockName)
    {
        List<Statement> body = [];
        while (true)
        {
            Token token = Current;
            switch (token.Kind)
            {
                case TokenKind.Text:
                    index++;
                    body.Add(new TextStatement(token.Line, token.Text));
                    break;
                case TokenKind.PrintBegin:
                    index++;
                    body.Add(new PrintStatement(token.Line, ParseTuple()));
                    Expect(TokenKind.PrintEnd);
                    break;
                case TokenKind.BlockBegin:
                    index++;
                    if (Current.Kind == TokenKind.Name && endTags.Contains(Current.Text))
                    {
                        return body;
                    }

                    ParseStatement(body);
                    Expect(TokenKind.BlockEnd);
                    break;
                case TokenKind.End when endTags.Length == 0:
                    return body;
                case TokenKind.End:
                    throw Fail($"Unexpected end of template. Jinja was looking for the following tags: '{string.Join("' or '", endTags)}'. "
                        + $"The innermost block that needs to be closed is '{blockName}'.");
                default:
                    throw Unexpected();
            }
        }
    }

    /// <summary>
    /// The body of a tag that has been read up to its end; then the name of the tag that ends the body, or, where only one can, nothing of
    /// it.
    /// </summary>
    private List<Statement> ParseBlock(string name, params string[] endTags)
    {
        Deepen();
        SkipOperator(":");
        Expect(TokenKind.BlockEnd);
        List<Statement> body = ParseBody(endTags, name);
        if (endTags.Length == 1)
        {
            index++;
        }

        depth--;
        return body;
    }

    private void ParseStatement(List<Statement> body)
    {
        if (Current.Kind != TokenKind.Name)
        {
            throw Fail("tag name expected");
        }

        int line = Current.Line;
        string tag = tokens[index++].Text;
        switch (tag)
        {
            case "print":
                ParsePrint(body, line);
                break;
            case "break" when loops > 0:
                body.Add(new BreakStatement(line));
                break;
            case "continue" when loops > 0:
                body.Add(new ContinueStatement(line));
                break;
            case "break" or "continue":
                throw Fail($"'{tag}' outside loop");
            case "autoescape":
                throw new JinjaException(JinjaErrorKind.Other, "autoescape is not supported: chat templates print as they are.", line);
            default:
                body.Add(tag switch
                {
                    "for" => ParseFor(line),
                    "if" => ParseIf(line),
                    "set" => ParseSet(line),
                    "with" => ParseWith(line),
                    "macro" => ParseMacro(line),
                    "call" => ParseCallBlock(line),
                    "filter" => ParseFilterBlock(line),
                    "generation" => ParseGeneration(line),
                    "block" => ParseNamedBlock(line),
                    "include" or "extends" or "import" or "from" => ParseLoad(line),
                    _ => throw Fail($"Encountered unknown tag '{tag}'."),
                });
                break;
        }
    }

    private void ParsePrint(List<Statement> body, int line)
    {
        int count = 0;
        while (Current.Kind != TokenKind.BlockEnd)
        {
            if (count++ > 0)
            {
                ExpectOperator(",");
            }

            body.Add(new PrintStatement(line, ParseExpression()));
        }
    }

    private ForStatement ParseFor(int line)
    {
        Expression target = ParseTarget(endName: "in");
        ExpectName("in");
        Expression items = ParseTuple(withConditional: false, endName: "recursive");
        bool mentionsLoop = target is NameExpression { Id: "loop" }
            || target is TupleExpression tuple && tuple.Items.Any(item => item is NameExpression { Id: "loop" });
        if (mentionsLoop)
        {
            throw Fail("Can't assign to special loop variable in for-loop target");
        }

        int mark = checks.Mark();
        Expression? test = SkipName("if") ? ParseExpression() : null;
        bool isRecursive = SkipName("recursive");
        loops++;
        List<Statement> body = ParseBlock("for", "endfor", "else");
        loops--;
        List<Statement> otherwise = tokens[index++].Text == "endfor" ? [] : ParseBlock("for", "endfor");
        checks.Harden(mark);
        return new(line, target, items, test, isRecursive, body, otherwise);
    }

    private IfStatement ParseIf(int line)
    {
        int mark = checks.Mark();
        List<(int Line, Expression Test, List<Statement> Body)> branches = [];
        List<Statement> otherwise = [];
        string tag;
        do
        {
            int at = Current.Line;
            Expression test = ParseTuple(withConditional: false);
            branches.Add((at, test, ParseBlock("if", "elif", "else", "endif")));
            tag = tokens[index++].Text;
        }
        while (tag == "elif");

        if (tag == "else")
        {
            otherwise = ParseBlock("if", "endif");
        }

        checks.Soften(mark);
        for (int i = branches.Count - 1; i > 0; i--)
        {
            otherwise = [new IfStatement(branches[i].Line, branches[i].Test, branches[i].Body, otherwise)];
        }

        return new(line, branches[0].Test, branches[0].Body, otherwise);
    }

    private Statement ParseSet(int line)
    {
        Expression target = ParseTarget(withNamespace: true);
        if (SkipOperator("="))
        {
            return new SetStatement(line, target, ParseTuple());
        }

        int mark = checks.Mark();
        Expression? filter = Current.IsOperator("|") ? ParseFilters(null) : null;
        List<Statement> body = ParseBlock("set", "endset");
        checks.Harden(mark);
        return new SetBlockStatement(line, target, filter, body);
    }

    private WithStatement ParseWith(int line)
    {
        List<(Expression, Expression)> values = [];
        while (Current.Kind != TokenKind.BlockEnd)
        {
            if (values.Count > 0)
            {
                ExpectOperator(",");
            }

            Expression target = ParseTarget();
            ExpectOperator("=");
            values.Add((target, ParseExpression()));
        }

        int mark = checks.Mark();
        List<Statement> body = ParseBlock("with", "endwith");
        checks.Harden(mark);
        return new(line, values, body);
    }

    private MacroStatement ParseMacro(int line) => new(line, ParseMacroBody(TargetName(), hasParameters: true, "macro", "endmacro"));

    private CallStatement ParseCallBlock(int line)
    {
        // The call is written between the parameters and the body.
        int start = index;
        bool hasParameters = Current.IsOperator("(");
        if (hasParameters)
        {
            ParseParameters();
        }

        Expression call = ParseExpression();
        int end = index;
        if (call is not CallExpression expression)
        {
            throw Fail("expected call");
        }

        index = start;
        return new(line, expression, ParseMacroBody(null, hasParameters, "call", "endcall", end));
    }

    private MacroSyntax ParseMacroBody(string? name, bool hasParameters, string tag, string endTag, int bodyStart = -1)
    {
        HashSet<string> names = [];
        int outerLoops = loops;
        loops = 0;
        int mark = checks.Mark();
        mentioned.Add(names);
        List<(string, Expression?)> parameters = hasParameters ? ParseParameters() : [];
        index = bodyStart < 0 ? index : bodyStart;
        List<Statement> body = ParseBlock(tag, endTag);
        mentioned.RemoveAt(mentioned.Count - 1);
        checks.Harden(mark);
        loops = outerLoops;
        bool IsFree(string special) => names.Contains(special) && !parameters.Exists(parameter => parameter.Item1 == special);
        return new(name, parameters, IsFree("varargs"), IsFree("kwargs"), IsFree("caller"), body);
    }

    private List<(string Name, Expression? Default)> ParseParameters()
    {
        List<(string Name, Expression? Default)> parameters = [];
        ExpectOperator("(");
        while (!Current.IsOperator(")"))
        {
            if (parameters.Count > 0)
            {
                ExpectOperator(",");
            }

            string name = TargetName();
            Expression? value = SkipOperator("=") ? ParseExpression() : null;
            if (value is null && parameters.Exists(parameter => parameter.Default is not null))
            {
                throw Fail("non-default argument follows default argument");
            }

            parameters.Add((name, value));
        }

        ExpectOperator(")");
        return parameters;
    }

    private FilterStatement ParseFilterBlock(int line)
    {
        int mark = checks.Mark();
        Expression filter = ParseFilters(null, startsInside: true)!;
        List<Statement> body = ParseBlock("filter", "endfilter");
        checks.Harden(mark);
        return new(line, filter, body);
    }

    private GenerationStatement ParseGeneration(int line)
    {
        hasGeneration = true;
        int outerLoops = loops, mark = checks.Mark();
        loops = 0;
        List<Statement> body = ParseBlock("generation", "endgeneration");
        loops = outerLoops;
        checks.Harden(mark);
        return new(line, body);
    }

    private BlockStatement ParseNamedBlock(int line)
    {
        string name = Expect(TokenKind.Name).Text;
        bool isScoped = SkipName("scoped");
        SkipName("required");
        int outerLoops = loops, mark = checks.Mark();
        loops = 0;
        List<Statement> body = ParseBlock("block", "endblock");
        loops = outerLoops;
        checks.Harden(mark);
        if (Current.IsName(name))
        {
            index++;
        }

        BlockStatement block = new(line, name, isScoped, body);
        return blocks.TryAdd(name, block) ? block : throw Fail($"block '{name}' defined twice");
    }

    private LoadStatement ParseLoad(int line)
    {
        while (Current.Kind is not (TokenKind.BlockEnd or TokenKind.End))
        {
            index++;
        }

        return new(line);
    }
}
