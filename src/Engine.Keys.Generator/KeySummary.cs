using System.Threading;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Text;

namespace Engine.Keys.Generator;

/// <summary>What the summary of a property with <c>[Key]</c> says.</summary>
/// <param name="Type">The declaring type, as <c>System.Type.FullName</c> has it.</param>
/// <param name="Property">The property's name.</param>
/// <param name="Text">The summary as Markdown; empty where there is none.</param>
/// <param name="Place">Where the property stands.</param>
internal readonly record struct KeySummary(string Type, string Property, string Text, SourcePlace Place)
{
    public static KeySummary Of(IPropertySymbol property, Compilation compilation, CancellationToken cancellationToken) => new(
        FullName(property.ContainingType),
        property.Name,
        SummaryMarkdown.Of(property.GetDocumentationCommentXml(cancellationToken: cancellationToken), compilation),
        SourcePlace.Of(property));

    private static string FullName(INamedTypeSymbol type) => type switch
    {
        { ContainingType: { } outer } => $"{FullName(outer)}+{type.MetadataName}",
        { ContainingNamespace: { IsGlobalNamespace: false } space } => $"{space.ToDisplayString()}.{type.MetadataName}",
        _ => type.MetadataName,
    };
}

/// <summary>A place in the source by value: a <see cref="Location"/> would hold on to its whole compilation.</summary>
internal readonly record struct SourcePlace(string File, TextSpan Span, LinePositionSpan Lines)
{
    public static SourcePlace Of(ISymbol symbol)
    {
        Location location = symbol.Locations[0];
        FileLinePositionSpan lines = location.GetLineSpan();
        return new SourcePlace(lines.Path, location.SourceSpan, lines.Span);
    }

    public Location ToLocation() => Location.Create(File, Span, Lines);
}
