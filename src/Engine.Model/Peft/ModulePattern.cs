using System.Collections;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using Engine.Common.Files;

namespace Engine.Model.Peft;

/// <summary>
/// Which modules are meant: a list of names, each matching a module of that name or one that ends in a dot and that name; or one regular
/// expression (Python's) over the whole name; or, for targets, <c>all-linear</c>. In C#, <c>["query", "value"]</c> is a list, and a string
/// an expression.
/// </summary>
[CollectionBuilder(typeof(ModulePattern), nameof(OfNames))]
public sealed class ModulePattern : IEnumerable<string>
{
    private readonly PythonRegex? regex;

    private ModulePattern(IReadOnlyList<string>? names, string? expression)
    {
        Names = names;
        Expression = expression;
        regex = expression is null || IsAllLinear ? null : PythonRegex.FullMatch(expression);
    }

    /// <summary>The list; null where the pattern is a regular expression or <c>all-linear</c>.</summary>
    public IReadOnlyList<string>? Names { get; }

    /// <summary>The regular expression or <c>all-linear</c>; null where the pattern is a list.</summary>
    public string? Expression { get; }

    /// <summary>Whether every linear layer is meant (but the output head and modules that are saved whole).</summary>
    public bool IsAllLinear => string.Equals(Expression, "all-linear", StringComparison.OrdinalIgnoreCase);

    /// <summary>As <see cref="OfExpression"/>.</summary>
    public static implicit operator ModulePattern(string expression) => OfExpression(expression);

    /// <summary>Modules of these names or endings.</summary>
    public static ModulePattern Of(params IReadOnlyList<string> names) => new(names.ToArray(), null);

    /// <summary>The same for a collection expression.</summary>
    public static ModulePattern OfNames(ReadOnlySpan<string> names) => new(names.ToArray(), null);

    /// <summary>Modules whose whole name a regular expression matches, or <c>all-linear</c>.</summary>
    /// <exception cref="ArgumentException">The expression is not understood.</exception>
    public static ModulePattern OfExpression(string expression) => new(null, expression);

    /// <summary>Whether the pattern matches a module's full name; <c>all-linear</c> matches every name.</summary>
    /// <exception cref="ArgumentException">The regular expression takes too long on the name.</exception>
    public bool Matches(string module)
    {
        if (Names is not null)
        {
            return Names.Any(name => IsNameOrEnding(module, name));
        }

        return regex is null || regex.IsMatch(module);
    }

    /// <summary>The names of the list, or the expression alone.</summary>
    public IEnumerator<string> GetEnumerator() => (Names ?? [Expression!]).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <inheritdoc/>
    public override string ToString() => Names is null ? $"'{Expression}'" : $"[{string.Join(", ", Names)}]";

    internal static bool IsNameOrEnding(string module, string name) =>
        module == name || (module.EndsWith(name, StringComparison.Ordinal) && module.Length > name.Length
            && module[^(name.Length + 1)] == '.');

    internal static ModulePattern? Read(JsonSection root, string key)
    {
        if (root.Content[key]?.GetValueKind() != JsonValueKind.String)
        {
            IReadOnlyList<string>? names = root.OptionalStrings(key);
            return names is null ? null : Of(names);
        }

        try
        {
            return OfExpression(root.OptionalString(key)!);
        }
        catch (ArgumentException exception)
        {
            throw new ModelFileException(root.FilePath, $"the key '{key}': {exception.Message}", exception);
        }
    }

    internal JsonNode ToJson() =>
        Names is null ? JsonValue.Create(Expression)! : new JsonArray(Names.Select(name => (JsonNode?)name).ToArray());
}
