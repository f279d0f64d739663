using System.Numerics;
using System.Text;

namespace Engine.Model.Chat.Jinja;

/// <summary>Evaluates expressions.</summary>
internal sealed partial class Interpreter
{
    public object? Evaluate(Expression expression, Scope scope)
    {
        if (++depth > Limits.MaxDepth)
        {
            throw new JinjaException(JinjaErrorKind.Limit, $"Expressions are nested more than {Limits.MaxDepth} deep.");
        }

        object? value = ValueOf(expression, scope);
        depth--;
        return value;
    }

    private object? ValueOf(Expression expression, Scope scope)
    {
        Limits.Step();
        switch (expression)
        {
            case Constant constant:
                return constant.Value;
            case NameExpression name:
                return TryName(name.Id, scope, out object? value) ? value : JinjaUndefined.OfName(name.Id);
            case AttributeExpression attribute:
                return Attribute(Evaluate(attribute.Target, scope), attribute.Name);
            case ItemExpression { Index: SliceExpression slice } item:
                return Counted(Slice(Evaluate(item.Target, scope), (JinjaSlice)Evaluate(slice, scope)!));
            case ItemExpression item:
                return Item(Evaluate(item.Target, scope), Evaluate(item.Index, scope));
            case SliceExpression slice:
                return new JinjaSlice(OrNone(slice.Start, scope), OrNone(slice.Stop, scope), OrNone(slice.Step, scope));
            case CallExpression call:
                return Counted(Call(call, scope, null));
            case FilterExpression filter:
                object? input = filter.Target is null ? filteredText : Evaluate(filter.Target, scope);
                return Counted(Filter(filter.Name, input, Arguments(filter.Arguments, scope), " found"));
            case TestExpression test:
                return Test(test.Name, Evaluate(test.Target, scope), Arguments(test.Arguments, scope), " found");
            case NotExpression not:
                return !PythonValues.IsTrue(Evaluate(not.Operand, scope));
            case UnaryExpression unary:
                return PythonOperators.Unary(unary.IsNegation, Evaluate(unary.Operand, scope));
            case BinaryExpression binary:
                return Counted(PythonOperators.Apply(binary.Operator, Evaluate(binary.Left, scope), Evaluate(binary.Right, scope)));
            case LogicalExpression logical:
                object? left = Evaluate(logical.Left, scope);
                return PythonValues.IsTrue(left) == logical.IsAnd ? Evaluate(logical.Right, scope) : left;
            case CompareExpression comparison:
                return Compares(comparison, scope);
            case ConditionalExpression choice:
                return PythonValues.IsTrue(Evaluate(choice.Test, scope)) ? Evaluate(choice.Then, scope)
                    : choice.Else is not null ? Evaluate(choice.Else, scope)
                    : new JinjaUndefined(
                        $"the inline if-expression on line {choice.Line} evaluated to false and no else section was defined.");
            default:
                return Composed(expression, scope);
        }
    }

    /// <summary>The attribute, or the item of that name, or undefined.</summary>
    public object? Attribute(object? owner, string name)
    {
        bool isThere = Members.TryGet(owner, name, out object? value) || (owner is JinjaDict dict && dict.TryGet(name, out value));
        return isThere ? value : owner is JinjaUndefined undefined ? throw undefined.Error() : JinjaUndefined.OfMember(owner, name);
    }

    /// <summary>The item, or the attribute of that name, or undefined.</summary>
    public object? Item(object? owner, object? index)
    {
        if (owner is JinjaUndefined undefined)
        {
            throw undefined.Error();
        }

        bool isThere = TryItem(owner, index, out object? value)
            || (PythonText.AsString(index) is { } name && Members.TryGet(owner, name, out value));
        return isThere ? value : JinjaUndefined.OfMember(owner, index);
    }

    public object? Filter(string name, object? value, Arguments arguments, string found = "")
    {
        Limits.Work(1 + (PythonValues.Size(value) / 8));
        return Filters.Table.TryGetValue(name, out Filters.Function? filter) ? filter(this, value, arguments)
            : throw new JinjaException(JinjaErrorKind.Template, $"No filter named '{name}'{found}.");
    }

    public bool Test(string name, object? value, Arguments arguments, string found = "") =>
        Tests.Table.TryGetValue(name, out Tests.Function? test)
            ? test(value, arguments) : throw new JinjaException(JinjaErrorKind.Template, $"No test named '{name}'{found}.");

    private static bool TryItem(object? owner, object? index, out object? value)
    {
        value = null;
        if (owner is JinjaDict dict)
        {
            return index is not (List<object?> or JinjaDict or JinjaSlice) && dict.TryGet(index, out value);
        }

        if (PythonValues.AsInteger(index) is null
            || owner is not (string or JinjaMarkup or List<object?> or JinjaTuple or JinjaRange or JinjaBytes))
        {
            return false;
        }

        int length = PythonValues.Length(owner)!.Value, place = PythonValues.Index(index);
        place = place < 0 ? place + length : place;
        if (place < 0 || place >= length)
        {
            return false;
        }

        value = owner switch
        {
            List<object?> list => list[place],
            JinjaTuple tuple => tuple.Items[place],
            JinjaRange range => range[place],
            JinjaBytes bytes => (BigInteger)bytes.Bytes[place],
            JinjaMarkup markup => new JinjaMarkup(PythonSlices.Slice(markup.Text, place, place + 1)),
            _ => PythonSlices.Slice((string)owner, place, place + 1),
        };
        return true;
    }

    private static object? Slice(object? owner, JinjaSlice slice)
    {
        Limits.Work(PythonValues.Size(owner) / 8);
        return owner is JinjaUndefined undefined ? throw undefined.Error() : PythonSlices.Apply(owner, slice);
    }

    /// <summary>The value, its size counted as work.</summary>
    private static object? Counted(object? value)
    {
        Limits.Work(PythonValues.Size(value));
        return value;
    }

    private bool TryName(string name, Scope scope, out object? value) =>
        scope.TryGet(name, out value) || variables.TryGetValue(name, out value) || globals.TryGetValue(name, out value);

    private object? OrNone(Expression? expression, Scope scope) => expression is null ? null : Evaluate(expression, scope);

    private List<object?> All(IReadOnlyList<Expression> expressions, Scope scope)
    {
        List<object?> values = new(expressions.Count);
        foreach (Expression expression in expressions)
        {
            values.Add(Evaluate(expression, scope));
        }

        return values;
    }

    private object? Composed(Expression expression, Scope scope)
    {
        switch (expression)
        {
            case ListExpression list:
                return All(list.Items, scope);
            case TupleExpression tuple:
                return new JinjaTuple(All(tuple.Items, scope));
            case DictExpression pairs:
                JinjaDict dict = new();
                foreach ((Expression key, Expression value) in pairs.Items)
                {
                    dict.Set(Evaluate(key, scope), Evaluate(value, scope));
                }

                return dict;
            case ConcatExpression concat:
                StringBuilder text = new();
                foreach (object? item in All(concat.Items, scope))
                {
                    string part = PythonText.Text(item);
                    Limits.CheckLength((long)text.Length + part.Length);
                    text.Append(part);
                }

                return Counted(text.ToString());
            default:
                throw new InvalidOperationException($"{expression.GetType().Name} is no value.");
        }
    }

    private bool Compares(CompareExpression comparison, Scope scope)
    {
        object? left = Evaluate(comparison.First, scope);
        foreach ((string sign, Expression operand) in comparison.Rest)
        {
            object? right = Evaluate(operand, scope);
            Limits.Work((PythonValues.Size(left) + PythonValues.Size(right)) / 8);
            if (!PythonValues.Compares(sign, left, right))
            {
                return false;
            }

            left = right;
        }

        return true;
    }

    private object? Call(CallExpression call, Scope scope, Macro? caller)
    {
        object? target = Evaluate(call.Target, scope);
        Arguments arguments = Arguments(call.Arguments, scope, caller);
        Line = call.Line;
        return target switch
        {
            JinjaUndefined undefined => throw undefined.Error(),
            IJinjaCallable callable => callable.Call(this, arguments),
            _ => throw JinjaException.Type($"'{PythonText.TypeName(target)}' object is not callable"),
        };
    }

    private Arguments Arguments(CallSyntax syntax, Scope scope, Macro? caller = null)
    {
        List<object?> positional = All(syntax.Positional, scope);
        List<KeyValuePair<string, object?>> keyword = [];
        foreach ((string name, Expression value) in syntax.Keyword)
        {
            keyword.Add(new(name, Evaluate(value, scope)));
        }

        if (caller is not null)
        {
            keyword.Add(new("caller", caller));
        }

        if (syntax.Rest is not null)
        {
            positional.AddRange(PythonValues.Items(Evaluate(syntax.Rest, scope)));
        }

        if (syntax.KeywordRest is not null)
        {
            JinjaDict rest = Evaluate(syntax.KeywordRest, scope) as JinjaDict
                ?? throw JinjaException.Type("argument after ** must be a mapping");
            for (int i = 0; i < rest.Count; i++)
            {
                keyword.Add(
                    new(PythonText.AsString(rest.Keys[i]) ?? throw JinjaException.Type("keywords must be strings"), rest.Values[i]));
            }
        }

        return new(positional, keyword);
    }
}
