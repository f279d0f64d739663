using System.Linq;
using System.Text;
using System.Text.RegularExpressions;
using System.Xml;
using System.Xml.Linq;
using Microsoft.CodeAnalysis;

namespace Engine.Keys.Generator;

/// <summary>
/// A documentation comment's summary as one paragraph of Markdown. What stands for code there is code here; keys and their values are
/// called as run files call them.
/// </summary>
internal static class SummaryMarkdown
{
    private const string KeyAttribute = "Engine.Common.Keys.KeyAttribute";
    private const string EnumMemberAttribute = "System.Runtime.Serialization.EnumMemberAttribute";

    /// <param name="comment">The comment's XML; empty, or a comment of XML, where it is absent or cannot be read.</param>
    /// <returns>Empty where there is no summary.</returns>
    public static string Of(string? comment, Compilation compilation)
    {
        try
        {
            XElement? summary = string.IsNullOrEmpty(comment) ? null : XElement.Parse(comment).Element("summary");
            return summary is null ? string.Empty : Regex.Replace(Text(summary, compilation), @"\s+", " ").Trim();
        }
        catch (XmlException)
        {
            // The compiler has its own warning about such a comment.
            return string.Empty;
        }
    }

    private static string Text(XElement element, Compilation compilation) =>
        element.Nodes().Aggregate(new StringBuilder(), (text, node) => text.Append(Text(node, compilation))).ToString();

    private static string Text(XNode node, Compilation compilation) => node switch
    {
        XText text => text.Value,
        XElement { Name.LocalName: "c" or "code" } code => $"`{code.Value}`",
        XElement element when element.Attribute("cref") is { } cref => $"`{Name(cref.Value, compilation)}`",
        XElement element when (element.Attribute("langword") ?? element.Attribute("name")) is { } name => $"`{name.Value}`",
        XElement element when element.Attribute("href") is { } link =>
            $"[{(element.IsEmpty ? link.Value : Text(element, compilation))}]({link.Value})",
        XElement element => $" {Text(element, compilation)} ",
        _ => string.Empty,
    };

    /// <summary>What a reference is called: a key and its values as in run files, anything else by its own name.</summary>
    private static string Name(string cref, Compilation compilation)
    {
        ISymbol? symbol = DocumentationCommentId.GetFirstSymbolForDeclarationId(cref, compilation);
        return symbol switch
        {
            null => cref.Substring(cref.LastIndexOf('.') + 1),
            IFieldSymbol when Attribute(EnumMemberAttribute)?.NamedArguments.FirstOrDefault().Value.Value is string value => value,
            IPropertySymbol when Attribute(KeyAttribute) is not null => SnakeCase(symbol.Name),
            _ => symbol.Name,
        };

        AttributeData? Attribute(string name) =>
            symbol?.GetAttributes().FirstOrDefault(attribute => attribute.AttributeClass?.ToDisplayString() == name);
    }

    /// <summary>
    /// The name of a property as its key is called: a word begins at a capital that small letters follow, or that follows one.
    /// </summary>
    private static string SnakeCase(string name) =>
        Regex.Replace(name, "(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_").ToLowerInvariant();
}
