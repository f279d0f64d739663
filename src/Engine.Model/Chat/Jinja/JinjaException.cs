namespace Engine.Model.Chat.Jinja;

/// <summary>What sort of fault ended a template; the names follow Python's exceptions, which authors of templates know.</summary>
public enum JinjaErrorKind
{
    /// <summary>The template called <c>raise_exception</c>.</summary>
    RaiseException,

    /// <summary>A value that is not there was used for more than printing or a test.</summary>
    Undefined,

    /// <summary>An operation on values of the wrong type.</summary>
    Type,

    /// <summary>A value that an operation cannot take.</summary>
    Value,

    /// <summary>The source is not a template.</summary>
    Syntax,

    /// <summary>Another fault of the template's, as an unknown filter that is reached.</summary>
    Template,

    /// <summary>What the sandbox forbids: changes of values, names with underscores.</summary>
    Security,

    /// <summary>Division by zero.</summary>
    ZeroDivision,

    /// <summary>A number or a range that is too large.</summary>
    Overflow,

    /// <summary>The template nests or calls itself too deeply, or does more work than is allowed.</summary>
    Limit,

    /// <summary>Anything else, as a part of Jinja that is not supported.</summary>
    Other,
}

/// <summary>A template that cannot be read or rendered, at which of its lines, and why.</summary>
public sealed class JinjaException(JinjaErrorKind kind, string message, int line = 0) : Exception(message)
{
    /// <summary>What went wrong.</summary>
    public JinjaErrorKind Kind { get; } = kind;

    /// <summary>
    /// The kind in lower case, as <c>zero-division</c>; the template's own error is <c>raise_exception</c>, as its function.
    /// </summary>
    public string KindName => Kind switch
    {
        JinjaErrorKind.RaiseException => "raise_exception",
        JinjaErrorKind.ZeroDivision => "zero-division",
        _ => Kind.ToString().ToLowerInvariant(),
    };

    /// <summary>The template's line, from 1; 0 where none is known.</summary>
    public int Line { get; internal set; } = line;

    internal static JinjaException Type(string message) => new(JinjaErrorKind.Type, message);

    internal static JinjaException Value(string message) => new(JinjaErrorKind.Value, message);
}
