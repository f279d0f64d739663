namespace Engine.Model.Chat.Jinja;

/// <summary>Reads expressions, from the loosest binding to the tightest.</summary>
internal sealed partial class Parser
{
    private static readonly Dictionary<string, object?> Literals = new()
    {
        ["true"] = true,
        ["True"] = true,
        ["false"] = false,
        ["False"] = false,
        ["none"] = null,
        ["None"] = null,
    };

    private Expression ParseExpression(bool withConditional = true)
    {
        Deepen();
        Expression result = withConditional ? ParseConditional() : ParseOr();
        depth--;
        return result;
    }

    private Expression ParseConditional()
    {
        Deepen();
        int mark = checks.Mark();
        Expression result = ParseOr();
        while (Current.IsName("if"))
        {
            int line = tokens[index++].Line;
            Expression test = ParseOr();
            Expression? otherwise = SkipName("else") ? ParseConditional() : null;
            checks.Soften(mark);
            result = new ConditionalExpression(line, test, result, otherwise);
        }

        depth--;
        return result;
    }

    private Expression ParseOr()
    {
        Expression left = ParseAnd();
        while (SkipName("or"))
        {
            left = new LogicalExpression(left.Line, IsAnd: false, left, ParseAnd());
        }

        return left;
    }

    private Expression ParseAnd()
    {
        Expression left = ParseNot();
        while (SkipName("and"))
        {
            left = new LogicalExpression(left.Line, IsAnd: true, left, ParseNot());
        }

        return left;
    }

    private Expression ParseNot()
    {
        Deepen();
        int line = Current.Line;
        Expression result = SkipName("not") ? new NotExpression(line, ParseNot()) : ParseComparison();
        depth--;
        return result;
    }

    private Expression ParseComparison()
    {
        Expression first = ParseSum();
        List<(string, Expression)> rest = [];
        while (true)
        {
            if (Current.Kind == TokenKind.Operator && Current.Text is "==" or "!=" or "<" or "<=" or ">" or ">=")
            {
                rest.Add((tokens[index++].Text, ParseSum()));
            }
            else if (SkipName("in"))
            {
                rest.Add(("in", ParseSum()));
            }
            else if (Current.IsName("not") && Following.IsName("in"))
            {
                index += 2;
                rest.Add(("not in", ParseSum()));
            }
            else
            {
                return rest.Count == 0 ? first : new CompareExpression(first.Line, first, rest);
            }
        }
    }

    private Expression ParseSum()
    {
        Expression left = ParseConcat();
        while (Current.IsOperator("+") || Current.IsOperator("-"))
        {
            left = new BinaryExpression(left.Line, tokens[index++].Text, left, ParseConcat());
        }

        return left;
    }

    private Expression ParseConcat()
    {
        Expression first = ParseProduct();
        if (!Current.IsOperator("~"))
        {
            return first;
        }

        List<Expression> items = [first];
        while (SkipOperator("~"))
        {
            items.Add(ParseProduct());
        }

        return new ConcatExpression(first.Line, items);
    }

    private Expression ParseProduct()
    {
        Expression left = ParsePower();
        while (Current.IsOperator("*") || Current.IsOperator("/") || Current.IsOperator("//") || Current.IsOperator("%"))
        {
            left = new BinaryExpression(left.Line, tokens[index++].Text, left, ParsePower());
        }

        return left;
    }

    private Expression ParsePower()
    {
        Expression left = ParseUnary();
        while (SkipOperator("**"))
        {
            left = new BinaryExpression(left.Line, "**", left, ParseUnary());
        }

        return left;
    }

    private Expression ParseUnary(bool withFilter = true)
    {
        Deepen();
        int line = Current.Line;
        Expression result = Current.IsOperator("-") || Current.IsOperator("+")
            ? new UnaryExpression(line, tokens[index++].Text == "-", ParseUnary(withFilter: false))
            : ParsePrimary(withNamespace: false);
        result = ParsePostfix(result);
        depth--;
        return withFilter ? ParseFilterOrTest(result) : result;
    }

    private Expression ParsePrimary(bool withNamespace)
    {
        Token token = Current;
        if (withNamespace && token.Kind == TokenKind.Name && Following.IsOperator("."))
        {
            return ParseNamespaceTarget();
        }

        index++;
        switch (token.Kind)
        {
            case TokenKind.Name when Literals.TryGetValue(token.Text, out object? value):
                return new Constant(token.Line, value);
            case TokenKind.Name:
                mentioned.ForEach(names => names.Add(token.Text));
                return new NameExpression(token.Line, token.Text);
            case TokenKind.String:
                string text = token.Text;
                while (Current.Kind == TokenKind.String)
                {
                    text += tokens[index++].Text;
                }

                return new Constant(token.Line, text);
            case TokenKind.Integer or TokenKind.Float:
                return new Constant(token.Line, token.Value);
            case TokenKind.Operator when token.Text == "(":
                Expression inside = ParseTuple(isParenthesised: true);
                ExpectOperator(")");
                return inside;
            case TokenKind.Operator when token.Text == "[":
                return new ListExpression(token.Line, ParseItems("]", () => ParseExpression()));
            case TokenKind.Operator when token.Text == "{":
                return new DictExpression(token.Line, ParseItems("}", ParsePair));
            default:
                index--;
                throw Unexpected();
        }
    }

    private (Expression, Expression) ParsePair()
    {
        Expression key = ParseExpression();
        ExpectOperator(":");
        return (key, ParseExpression());
    }

    private List<T> ParseItems<T>(string end, Func<T> parse)
    {
        List<T> items = [];
        while (!SkipOperator(end))
        {
            if (items.Count > 0)
            {
                ExpectOperator(",");
                if (SkipOperator(end))
                {
                    break;
                }
            }

            items.Add(parse());
        }

        return items;
    }

    /// <summary>One expression, or a tuple of those with commas between them.</summary>
    private Expression ParseTuple(
        bool onlyPrimary = false, bool withConditional = true, string? endName = null, bool isParenthesised = false,
        bool withNamespace = false)
    {
        int line = Current.Line;
        List<Expression> items = [];
        bool isTuple = false;
        while (true)
        {
            bool ends = Current.Kind is TokenKind.PrintEnd or TokenKind.BlockEnd
                || Current.IsOperator(")") || endName is not null && Current.IsName(endName);
            if (ends)
            {
                break;
            }

            items.Add(onlyPrimary ? ParsePrimary(withNamespace) : ParseExpression(withConditional));
            if (!SkipOperator(","))
            {
                break;
            }

            isTuple = true;
        }

        return isTuple || (items.Count == 0 && isParenthesised) ? new TupleExpression(line, items)
            : items.Count == 1 ? items[0]
            : throw Fail("Expected an expression");
    }

    private Expression ParsePostfix(Expression target)
    {
        while (true)
        {
            int line = Current.Line;
            if (SkipOperator("."))
            {
                Token name = tokens[index++];
                target = name.Kind switch
                {
                    TokenKind.Name => new AttributeExpression(line, target, name.Text),
                    TokenKind.Integer => new ItemExpression(line, target, new Constant(line, name.Value)),
                    _ => throw Fail("expected name or number"),
                };
            }
            else if (SkipOperator("["))
            {
                List<Expression> items = ParseItems("]", ParseSubscript);
                target = new ItemExpression(line, target, items.Count == 1 ? items[0] : new TupleExpression(line, items));
            }
            else if (Current.IsOperator("("))
            {
                target = new CallExpression(line, target, ParseArguments());
            }
            else
            {
                return target;
            }
        }
    }

    private Expression ParseSubscript()
    {
        int line = Current.Line;
        Expression? start = null;
        if (!Current.IsOperator(":"))
        {
            start = ParseExpression();
            if (!Current.IsOperator(":"))
            {
                return start;
            }
        }

        index++;
        bool EndsHere() => Current.IsOperator("]") || Current.IsOperator(",");
        Expression? stop = Current.IsOperator(":") || EndsHere() ? null : ParseExpression();
        Expression? step = SkipOperator(":") && !EndsHere() ? ParseExpression() : null;
        return new SliceExpression(line, start, stop, step);
    }
}
