namespace Engine.Model.Chat.Jinja;

/// <summary>Reads calls, filters and tests, and what stands in their parentheses.</summary>
internal sealed partial class Parser
{
    private CallSyntax ParseArguments()
    {
        ExpectOperator("(");
        List<Expression> positional = [];
        List<(string, Expression)> keyword = [];
        Expression? rest = null, keywordRest = null;
        ParseItems(")", () =>
        {
            if (SkipOperator("**"))
            {
                keywordRest = keywordRest is null ? ParseExpression() : throw Fail("invalid syntax for function call expression");
            }
            else if (keywordRest is not null)
            {
                throw Fail("invalid syntax for function call expression");
            }
            else if (SkipOperator("*"))
            {
                rest = rest is null ? ParseExpression() : throw Fail("invalid syntax for function call expression");
            }
            else if (Current.Kind == TokenKind.Name && Following.IsOperator("="))
            {
                string name = keyword.Exists(pair => pair.Item1 == Current.Text)
                    ? throw Fail($"keyword argument repeated: {Current.Text}")
                    : Current.Text;
                index += 2;
                keyword.Add((name, ParseExpression()));
            }
            else if (rest is null && keyword.Count == 0)
            {
                positional.Add(ParseExpression());
            }
            else
            {
                throw Fail("invalid syntax for function call expression");
            }

            return true;
        });
        return new(positional, keyword, rest, keywordRest);
    }

    private Expression ParseFilterOrTest(Expression target)
    {
        while (true)
        {
            if (Current.IsOperator("|"))
            {
                target = ParseFilters(target)!;
            }
            else if (Current.IsName("is"))
            {
                target = ParseTest(target);
            }
            else if (Current.IsOperator("("))
            {
                target = new CallExpression(Current.Line, target, ParseArguments());
            }
            else
            {
                return target;
            }
        }
    }

    private Expression? ParseFilters(Expression? target, bool startsInside = false)
    {
        while (startsInside || SkipOperator("|"))
        {
            int line = Current.Line;
            string name = DottedName();
            checks.Filter(name, line);
            target = new FilterExpression(line, target, name, Current.IsOperator("(") ? ParseArguments() : CallSyntax.None);
            startsInside = false;
        }

        return target;
    }

    private Expression ParseTest(Expression target)
    {
        index++;
        int line = Current.Line;
        bool isNegated = SkipName("not");
        string name = DottedName();
        checks.Test(name, line);
        CallSyntax arguments = CallSyntax.None;
        if (Current.IsOperator("("))
        {
            arguments = ParseArguments();
        }
        else if (StartsArgument())
        {
            if (Current.IsName("is"))
            {
                throw Fail("You cannot chain multiple tests with is");
            }

            arguments = new([ParsePostfix(ParsePrimary(withNamespace: false))], []);
        }

        TestExpression test = new(line, target, name, arguments);
        return isNegated ? new NotExpression(line, test) : test;
    }

    private bool StartsArgument() => Current.Kind switch
    {
        TokenKind.Name => Current.Text is not ("else" or "or" or "and"),
        TokenKind.String or TokenKind.Integer or TokenKind.Float => true,
        TokenKind.Operator => Current.Text is "[" or "{",
        _ => false,
    };

    private string DottedName()
    {
        string name = Expect(TokenKind.Name).Text;
        while (SkipOperator("."))
        {
            name += $".{Expect(TokenKind.Name).Text}";
        }

        return name;
    }
}
