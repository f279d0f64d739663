using Engine.Tests;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Text;

namespace Engine.Compiler.Tests;

/// <summary>
/// Lines of code are at most 140 characters wide; a text that cannot be cut well may reach a little further, and in tests any data may.
/// </summary>
public sealed class SourceWidthTests
{
    private const int Widest = 140;

    /// <summary>Of lines with a text, outside of tests.</summary>
    private const int WidestText = 160;

    /// <summary>What a text must have at least to excuse its line.</summary>
    private const int LongText = 40;

    [Theory]
    [InlineData("src", WidestText)]
    [InlineData("samples", WidestText)]
    [InlineData("bench", WidestText)]
    [InlineData("tests", int.MaxValue)]
    public void Lines_of_code_fit_the_page(string folder, int widestText)
    {
        string[] files = [.. Directory.EnumerateFiles(Repository.Path(folder), "*.cs", SearchOption.AllDirectories).Where(IsSource)];
        Assert.NotEmpty(files);
        string wide = string.Join("\n", files.SelectMany(file => WideLines(file, File.ReadAllText(file), widestText)));
        Assert.True(wide.Length == 0, $"These lines are wider than {Widest} characters:\n{wide}");
    }

    /// <summary>The rule itself, on a line of code that is too wide, and on one whose text is.</summary>
    [Fact]
    public void Only_texts_may_reach_further()
    {
        string wide = new('x', Widest);
        Assert.Single(WideLines("code", $"int {wide} = 1;"));
        Assert.Single(WideLines("comment", $"// {wide}"));
        Assert.Single(WideLines("short text", $"int {wide} = \"one\".Length;"));
        Assert.Empty(WideLines("text", $"string s = \"{wide}\";"));
        Assert.Empty(WideLines("filled text", $"string s = $\"{wide} {{1}}\";"));
        Assert.Empty(WideLines("row", $"[InlineData(\"{wide}\", 1)]\nclass C;"));
        Assert.Single(WideLines("long text", $"string s = \"{wide}{wide}\";"));
    }

    private static bool IsSource(string path) => !path.Split(Path.DirectorySeparatorChar).Any(part => part is "bin" or "obj");

    private static IEnumerable<string> WideLines(string path, string code, int widestText = WidestText)
    {
        SourceText text = SourceText.From(code);
        TextLine[] wide = [.. text.Lines.Where(line => line.End - line.Start > Widest)];
        if (wide.Length == 0)
        {
            return [];
        }

        SyntaxNode root = CSharpSyntaxTree.ParseText(text, new CSharpParseOptions(LanguageVersion.Latest)).GetRoot();
        return wide.Where(line => !IsReference(line) && (line.End - line.Start > widestText || !HoldsText(root, line)))
            .Select(line => $"{path}:{line.LineNumber + 1}");
    }

    /// <summary>A comment that cannot be cut.</summary>
    private static bool IsReference(TextLine line) => line.ToString().Contains("<inheritdoc", StringComparison.Ordinal);

    /// <summary>Whether a long text stands on the line, or the line in one.</summary>
    private static bool HoldsText(SyntaxNode root, TextLine line) =>
        root.DescendantNodes(line.Span).Any(node => IsText(node) && node.Span.Intersection(line.Span) is { Length: >= LongText });

    private static bool IsText(SyntaxNode node) =>
        node is InterpolatedStringExpressionSyntax || node.IsKind(SyntaxKind.StringLiteralExpression)
            || node.IsKind(SyntaxKind.Utf8StringLiteralExpression);
}
