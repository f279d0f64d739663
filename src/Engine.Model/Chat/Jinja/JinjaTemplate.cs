namespace Engine.Model.Chat.Jinja;

/// <summary>
/// A Jinja template, read and rendered as Transformers' <c>apply_chat_template</c> has Jinja2 do it: an immutable sandbox with
/// <c>trim_blocks</c>,
/// <c>lstrip_blocks</c>, loop controls and <c>generation</c> blocks. Not covered: other templates (<c>include</c>, <c>extends</c>,
/// <c>import</c>) and autoescape.
/// </summary>
public sealed class JinjaTemplate
{
    private readonly TemplateSyntax syntax;

    private JinjaTemplate(TemplateSyntax syntax) => this.syntax = syntax;

    /// <summary>Whether the template marks what a model learns.</summary>
    public bool HasGeneration => syntax.HasGeneration;

    /// <exception cref="JinjaException">The source is not a template.</exception>
    public static JinjaTemplate Parse(string source) => new(Parser.Parse(source));

    /// <summary>
    /// Renders with variables of JSON's types: null, <see cref="bool"/>, integers, <see cref="double"/>, strings, lists, dictionaries with
    /// string keys, and JSON elements.
    /// </summary>
    /// <exception cref="JinjaException">The template stopped.</exception>
    public JinjaRendering Render(IReadOnlyDictionary<string, object?> variables, JinjaOptions? options = null)
    {
        Interpreter interpreter = new(syntax, options ?? new());
        try
        {
            return interpreter.Render(variables);
        }
        catch (JinjaException error) when (error.Line == 0)
        {
            error.Line = interpreter.Line;
            throw;
        }
    }
}
