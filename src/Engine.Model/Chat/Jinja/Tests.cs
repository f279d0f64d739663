using System.Numerics;

namespace Engine.Model.Chat.Jinja;

/// <summary>The tests that stand after <c>is</c>.</summary>
internal static class Tests
{
    public static readonly Dictionary<string, Function> Table = new()
    {
        ["boolean"] = Plain(value => value is bool),
        ["callable"] = Plain(value => value is IJinjaCallable or JinjaUndefined),
        ["defined"] = Plain(value => value is not JinjaUndefined),
        ["divisibleby"] = (value, arguments) =>
            !PythonValues.IsTrue(PythonOperators.Apply("%", value, arguments.Bind("divisibleby", "num")[0])),
        ["escaped"] = Plain(value => value is JinjaMarkup),
        ["even"] = Plain(value => IsRemainder(value, 0)),
        ["false"] = Plain(value => value is false),
        ["filter"] = Plain(value => PythonText.AsString(value) is { } name && Filters.Table.ContainsKey(name)),
        ["float"] = Plain(value => value is double),
        ["integer"] = Plain(value => value is BigInteger),
        ["iterable"] = Plain(value => PythonValues.TryItems(value) is not null),
        ["lower"] = Plain(value => PythonCase.IsAll(PythonText.Text(value), isUpper: false)),
        ["mapping"] = Plain(value => value is JinjaDict),
        ["none"] = Plain(value => value is null),
        ["number"] = Plain(value => value is bool or BigInteger or double),
        ["odd"] = Plain(value => IsRemainder(value, 1)),
        ["sameas"] = (value, arguments) => PythonValues.AreSame(value, arguments.Bind("sameas", "other")[0]),
        ["sequence"] = Plain(value => PythonValues.Length(value) is not null && value is not (JinjaView or LoopContext)),
        ["string"] = Plain(value => value is string or JinjaMarkup),
        ["test"] = Plain(value => PythonText.AsString(value) is { } name && Table!.ContainsKey(name)),
        ["true"] = Plain(value => value is true),
        ["undefined"] = Plain(value => value is JinjaUndefined),
        ["upper"] = Plain(value => PythonCase.IsAll(PythonText.Text(value), isUpper: true)),
        ["in"] = Comparison("in"),
        ["=="] = Comparison("=="),
        ["eq"] = Comparison("=="),
        ["equalto"] = Comparison("=="),
        ["!="] = Comparison("!="),
        ["ne"] = Comparison("!="),
        ["<"] = Comparison("<"),
        ["lt"] = Comparison("<"),
        ["lessthan"] = Comparison("<"),
        ["<="] = Comparison("<="),
        ["le"] = Comparison("<="),
        [">"] = Comparison(">"),
        ["gt"] = Comparison(">"),
        ["greaterthan"] = Comparison(">"),
        [">="] = Comparison(">="),
        ["ge"] = Comparison(">="),
    };

    public delegate bool Function(object? value, Arguments arguments);

    /// <summary>A test that takes nothing in parentheses.</summary>
    private static Function Plain(Func<object?, bool> holds) => (value, arguments) => arguments.Bind("test") is not null && holds(value);

    private static Function Comparison(string sign) =>
        (value, arguments) => PythonValues.Compares(sign, value, arguments.Bind(sign, "other")[0]);

    private static bool IsRemainder(object? value, int remainder) =>
        PythonValues.AreEqual(PythonOperators.Apply("%", value, (BigInteger)2), (BigInteger)remainder);
}
