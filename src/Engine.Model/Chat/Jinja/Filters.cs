namespace Engine.Model.Chat.Jinja;

/// <summary>The filters, by name. Not covered of Jinja's: filesizeformat, pprint, random, urlize, wordwrap, xmlattr.</summary>
internal static class Filters
{
    public static readonly Dictionary<string, Function> Table = [];

    static Filters()
    {
        TextFilters.AddTo(Table);
        NumberFilters.AddTo(Table);
        SequenceFilters.AddTo(Table);
        SelectionFilters.AddTo(Table);
        Table["attr"] = (_, value, arguments) => arguments.Bind("attr", "name").Text(0) is var name
            && Members.TryGet(value, name, out object? member) ? member
            : value is JinjaUndefined undefined ? throw undefined.Error()
            : JinjaUndefined.OfMember(value, name);
        Table["default"] = Table["d"] = Default;
        Table["tojson"] = (_, value, arguments) => JsonText.Of(value, arguments);
    }

    public delegate object? Function(Interpreter interpreter, object? value, Arguments arguments);

    private static object? Default(Interpreter interpreter, object? value, Arguments arguments)
    {
        BoundArguments bound = arguments.Bind("default", "default_value?", "boolean?");
        bool isMissing = value is JinjaUndefined || (bound.Flag(1) && !PythonValues.IsTrue(value));
        return isMissing ? bound.Or(0, "") : value;
    }
}
