using System.Text;

namespace Engine.Model.Chat.Jinja;

/// <summary>Runs a template's statements; its other part evaluates expressions.</summary>
internal sealed partial class Interpreter
{
    private readonly TemplateSyntax template;
    private readonly Dictionary<string, object?> globals;
    private readonly Dictionary<string, object?> variables = [];
    private readonly Scope root = new(null);
    private readonly StringBuilder rootOutput = new();
    private readonly List<(int Start, int End)> spans = [];
    private readonly long maxWork;

    /// <summary>Where output goes: the root's, or the text of a macro or block that is gathered.</summary>
    private StringBuilder output;

    private int rootLength;
    private bool hasRootOutput;
    private int calls, depth;

    /// <summary>What the block that is filtered has printed.</summary>
    private string filteredText = "";

    public Interpreter(TemplateSyntax template, JinjaOptions options)
    {
        this.template = template;
        maxWork = options.MaxWork;
        globals = Globals.Of(options);
        output = rootOutput;
        root.Set("self", new TemplateReference(name => template.Blocks.TryGetValue(name, out BlockStatement? block)
            ? new JinjaFunction($"<BlockReference '{name}'>", (_, _) => Called(() => Captured(() => RunBlock(block, root)).Text)) : null));
    }

    private enum Flow
    {
        Next,
        Break,
        Continue,
    }

    /// <summary>The line that runs.</summary>
    public int Line { get; private set; } = 1;

    public JinjaRendering Render(IReadOnlyDictionary<string, object?> given) => Limits.Within(maxWork, () =>
    {
        foreach ((string name, object? value) in given)
        {
            variables[name] = InputValues.Of(value);
        }

        Run(template.Body, root);
        return new JinjaRendering(rootOutput.ToString(), spans);
    });

    /// <summary>What a macro prints.</summary>
    public string RunMacro(MacroSyntax macro, Scope scope, Action fill) => Called(() => Captured(() =>
    {
        fill();
        return Run(macro.Body, scope);
    }).Text);

    private string Called(Func<string> run)
    {
        if (++calls > Limits.MaxCalls)
        {
            throw new JinjaException(JinjaErrorKind.Limit, $"Macros call each other more than {Limits.MaxCalls} deep.");
        }

        string text = run();
        calls--;
        return text;
    }

    private (string Text, Flow Flow) Captured(Func<Flow> run)
    {
        StringBuilder outer = output;
        output = new();
        Flow flow = run();
        string text = output.ToString();
        output = outer;
        return (text, flow);
    }

    private void Emit(string text)
    {
        Limits.Work(text.Length);
        Limits.CheckLength((long)output.Length + text.Length);
        output.Append(text);
        if (output == rootOutput)
        {
            hasRootOutput = true;
            rootLength += PythonText.Length(text);
        }
    }

    private Flow Run(IReadOnlyList<Statement> body, Scope scope)
    {
        foreach (Statement statement in body)
        {
            Flow flow = Run(statement, scope);
            if (flow != Flow.Next)
            {
                return flow;
            }
        }

        return Flow.Next;
    }

    private Flow Run(Statement statement, Scope scope)
    {
        Limits.Step();
        Line = statement.Line;
        switch (statement)
        {
            case TextStatement text:
                Emit(text.Text);
                return Flow.Next;
            case PrintStatement print:
                Emit(PythonText.Text(Evaluate(print.Value, scope)));
                return Flow.Next;
            case IfStatement choice:
                return Run(PythonValues.IsTrue(Evaluate(choice.Test, scope)) ? choice.Then : choice.Else, scope);
            case ForStatement { IsRecursive: true } loop:
                Emit(RunRecursive(loop, Evaluate(loop.Items, scope), 0, scope));
                return Flow.Next;
            case ForStatement loop:
                return RunLoop(loop, Evaluate(loop.Items, scope), 0, scope);
            case BreakStatement:
                return Flow.Break;
            case ContinueStatement:
                return Flow.Continue;
            case SetStatement set:
                Assign(set.Target, Evaluate(set.Value, scope), scope);
                return Flow.Next;
            case SetBlockStatement set:
                return RunSetBlock(set, scope);
            case WithStatement with:
                return RunWith(with, scope);
            case FilterStatement filter:
                (string text1, Flow flow) = Captured(() => Run(filter.Body, new Scope(scope)));
                return flow == Flow.Next ? Print(Filtered(filter.Filter, text1, scope)) : flow;
            case MacroStatement macro:
                scope.Set(macro.Macro.Name!, new Macro(macro.Macro, scope));
                return Flow.Next;
            case CallStatement call:
                return Print(Call(call.Call, scope, new Macro(call.Caller, scope)));
            case GenerationStatement generation:
                RunGeneration(generation, scope);
                return Flow.Next;
            case BlockStatement block:
                return RunBlock(block, block.IsScoped ? scope : root);
            default:
                throw JinjaException.Type("no loader for this environment specified");
        }
    }

    private Flow RunBlock(BlockStatement block, Scope scope)
    {
        Scope inner = new(scope);
        inner.Set("super", new JinjaUndefined($"there is no parent block called '{block.Name}'."));
        return Run(block.Body, inner);
    }

    private Flow Print(object? value)
    {
        Emit(PythonText.Text(value));
        return Flow.Next;
    }

    private object? Filtered(Expression filter, string text, Scope scope)
    {
        filteredText = text;
        return Evaluate(filter, scope);
    }

    private Flow RunSetBlock(SetBlockStatement set, Scope scope)
    {
        (string text, Flow flow) = Captured(() => Run(set.Body, new Scope(scope)));
        if (flow == Flow.Next)
        {
            Assign(set.Target, set.Filter is null ? text : Filtered(set.Filter, text, scope), scope);
        }

        return flow;
    }

    private Flow RunWith(WithStatement with, Scope scope)
    {
        Scope inner = new(scope);
        foreach ((Expression target, Expression value) in with.Values)
        {
            Assign(target, Evaluate(value, scope), inner);
        }

        return Run(with.Body, inner);
    }

    /// <summary>
    /// As Transformers' extension does: the start is what the root has printed, and a block before any output is not noted.
    /// </summary>
    private void RunGeneration(GenerationStatement generation, Scope scope)
    {
        string text = Called(() => Captured(() => Run(generation.Body, new Scope(scope))).Text);
        if (hasRootOutput || spans.Count > 0)
        {
            spans.Add((rootLength, rootLength + PythonText.Length(text)));
        }

        Emit(text);
    }

    private string RunRecursive(ForStatement loop, object? items, int depth, Scope scope) =>
        Called(() => Captured(() => RunLoop(loop, items, depth, scope)).Text);

    private Flow RunLoop(ForStatement loop, object? items, int depth, Scope scope)
    {
        IEnumerable<object?> source = PythonValues.Items(items);
        source = loop.Test is null ? source : Selected(loop, source, scope);
        LoopContext context =
            new(source, depth, loop.IsRecursive ? (inner, innerDepth) => RunRecursive(loop, inner, innerDepth, scope) : null);

        // Jinja notes an iteration at its end only: where each one is broken off, the else part runs.
        bool hasFinished = false;
        while (context.MoveNext(out object? item))
        {
            Scope inner = new(scope);
            inner.Set("loop", context);
            Assign(loop.Target, item, inner);
            Flow flow = Run(loop.Body, inner);
            hasFinished |= flow == Flow.Next;
            if (flow == Flow.Break)
            {
                break;
            }
        }

        return hasFinished || loop.Else.Count == 0 ? Flow.Next : Run(loop.Else, new Scope(scope));
    }

    private IEnumerable<object?> Selected(ForStatement loop, IEnumerable<object?> source, Scope scope)
    {
        foreach (object? item in source)
        {
            Scope inner = new(scope);
            Assign(loop.Target, item, inner);
            if (PythonValues.IsTrue(Evaluate(loop.Test!, inner)))
            {
                yield return item;
            }
        }
    }

    private void Assign(Expression target, object? value, Scope scope)
    {
        switch (target)
        {
            case NameExpression name:
                scope.Set(name.Id, value);
                break;
            case NamespaceTarget member:
                if (!TryName(member.Namespace, scope, out object? owner) || owner is not Namespace names)
                {
                    throw new JinjaException(JinjaErrorKind.Template, "cannot assign attribute on non-namespace object");
                }

                names.Values[member.Name] = value;
                break;
            case TupleExpression tuple:
                Unpack(tuple.Items, value, scope);
                break;
        }
    }

    private void Unpack(IReadOnlyList<Expression> targets, object? value, Scope scope)
    {
        IEnumerable<object?> items = PythonValues.TryItems(value)
            ?? throw JinjaException.Type($"cannot unpack non-iterable {PythonText.TypeName(value)} object");
        List<object?> taken = [.. items.Take(targets.Count + 1)];
        if (taken.Count != targets.Count)
        {
            throw JinjaException.Value(taken.Count > targets.Count
                ? $"too many values to unpack (expected {targets.Count})"
                : $"not enough values to unpack (expected {targets.Count}, got {taken.Count})");
        }

        for (int i = 0; i < targets.Count; i++)
        {
            Assign(targets[i], taken[i], scope);
        }
    }
}
