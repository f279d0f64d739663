namespace Engine.Model.Chat.Jinja;

/// <summary>Reads what is assigned to, and takes single tokens.</summary>
internal sealed partial class Parser
{
    private void Deepen()
    {
        if (++depth > MaxDepth)
        {
            throw new JinjaException(JinjaErrorKind.Limit, "Tags or expressions are nested too deeply.", Current.Line);
        }
    }

    private Expression ParseTarget(string? endName = null, bool withNamespace = false)
    {
        Expression target = withNamespace && Following.IsOperator(".")
            ? ParseNamespaceTarget()
            : ParseTuple(onlyPrimary: true, endName: endName, withNamespace: withNamespace);
        return IsAssignable(target) ? target : throw Fail("can't assign to this expression");
    }

    private static bool IsAssignable(Expression target) =>
        target is NameExpression or NamespaceTarget || target is TupleExpression tuple && tuple.Items.All(IsAssignable);

    private NamespaceTarget ParseNamespaceTarget()
    {
        int line = Current.Line;
        string name = Expect(TokenKind.Name).Text;
        ExpectOperator(".");
        return new(line, name, Expect(TokenKind.Name).Text);
    }

    private string TargetName()
    {
        string name = Expect(TokenKind.Name).Text;
        return Literals.ContainsKey(name) ? throw Fail("can't assign to a constant") : name;
    }

    private Token Expect(TokenKind kind) => Current.Kind == kind ? tokens[index++] : throw Unexpected();

    private void ExpectOperator(string text)
    {
        if (!SkipOperator(text))
        {
            throw Unexpected();
        }
    }

    private void ExpectName(string text)
    {
        if (!SkipName(text))
        {
            throw Unexpected();
        }
    }

    private bool SkipOperator(string text) => Skip(Current.IsOperator(text));

    private bool SkipName(string text) => Skip(Current.IsName(text));

    private bool Skip(bool isThere)
    {
        index += isThere ? 1 : 0;
        return isThere;
    }

    private JinjaException Unexpected() => Fail(Current.Kind switch
    {
        TokenKind.End => "unexpected 'end of template'",
        TokenKind.PrintEnd => "unexpected 'end of print statement'",
        TokenKind.BlockEnd => "unexpected 'end of statement block'",
        _ => $"unexpected '{Current.Value}'",
    });

    private JinjaException Fail(string message) => new(JinjaErrorKind.Syntax, message, Current.Line);
}
