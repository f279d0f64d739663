namespace Engine.Model.Chat.Jinja;

/// <summary>A macro, or the body of a call block, with the names around its definition.</summary>
internal sealed class Macro(MacroSyntax syntax, Scope definedIn) : IJinjaObject, IJinjaCallable
{
    private readonly string name = syntax.Name ?? "None";

    public string TypeName => "Macro";

    public string Description => syntax.Name is null ? "<Macro anonymous>" : $"<Macro '{name}'>";

    public bool TryGetMember(string member, out object? value)
    {
        value = member switch
        {
            "name" => syntax.Name,
            "arguments" => new JinjaTuple([.. syntax.Parameters.Select(parameter => parameter.Name)]),
            "catch_kwargs" => syntax.TakesKwargs,
            "catch_varargs" => syntax.TakesVarargs,
            "caller" => syntax.TakesCaller,
            _ => null,
        };
        return value is not null || member == "name";
    }

    public object? Call(Interpreter interpreter, Arguments arguments)
    {
        Scope scope = new(definedIn);
        JinjaDict keyword = new();
        foreach ((string key, object? value) in arguments.Keyword)
        {
            keyword.Set(key, value);
        }

        JinjaDict rest = new();
        foreach (object? key in keyword.Keys.Where(
            key => !syntax.Parameters.Skip(arguments.Positional.Count).Any(parameter => parameter.Name == (string)key!)))
        {
            keyword.TryGet(key, out object? value);
            rest.Set(key, value);
        }

        if (syntax.TakesCaller)
        {
            rest = TakeCaller(rest, scope);
        }

        if (syntax.TakesKwargs)
        {
            scope.Set("kwargs", rest);
        }
        else if (rest.Count > 0)
        {
            throw JinjaException.Type($"macro {PythonText.Repr(syntax.Name)} takes no keyword argument {PythonText.Repr(rest.Keys[0])}");
        }

        if (syntax.TakesVarargs)
        {
            scope.Set("varargs", new JinjaTuple([.. arguments.Positional.Skip(syntax.Parameters.Count)]));
        }
        else if (arguments.Positional.Count > syntax.Parameters.Count)
        {
            throw JinjaException.Type($"macro {PythonText.Repr(syntax.Name)} takes not more than {syntax.Parameters.Count} argument(s)");
        }

        return interpreter.RunMacro(syntax, scope, () => Fill(interpreter, scope, arguments.Positional, keyword));
    }

    private static JinjaDict TakeCaller(JinjaDict rest, Scope scope)
    {
        scope.Set(
            "caller", rest.TryGet("caller", out object? caller) && caller is not null ? caller : new JinjaUndefined("No caller defined"));
        JinjaDict others = new();
        foreach (object? key in rest.Keys.Where(key => !Equals(key, "caller")))
        {
            rest.TryGet(key, out object? value);
            others.Set(key, value);
        }

        return others;
    }

    /// <summary>Sets the parameters in their order, so that a default may mention those before it.</summary>
    private void Fill(Interpreter interpreter, Scope scope, IReadOnlyList<object?> positional, JinjaDict keyword)
    {
        for (int i = 0; i < syntax.Parameters.Count; i++)
        {
            (string parameter, Expression? otherwise) = syntax.Parameters[i];
            object? value = i < positional.Count ? positional[i]
                : keyword.TryGet(parameter, out object? given) ? given
                : otherwise is not null ? interpreter.Evaluate(otherwise, scope)
                : new JinjaUndefined($"parameter '{parameter}' was not provided");
            scope.Set(parameter, value);
        }
    }
}
