using Engine.Tests;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Text;

namespace Engine.Compiler.Tests;

/// <summary>Lines of code are at most 140 characters wide; a text that cannot be cut well may reach further.</summary>
public sealed class SourceWidthTests
{
    private const int Widest = 140;

    /// <summary>What a text must have at least to excuse its line.</summary>
    private const int LongText = 40;

    [Theory]
    [InlineData("src")]
    [InlineData("tests")]
    [InlineData("samples")]
    [InlineData("bench")]
    public void Lines_of_code_fit_the_page(string folder)
    {
        string[] files = [.. Directory.EnumerateFiles(Repository.Path(folder), "*.cs", SearchOption.AllDirectories).Where(IsSource)];
        Assert.NotEmpty(files);
        string wide = string.Join("\n", files.SelectMany(WideLines));
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
    }

    private static bool IsSource(string path) => !path.Split(Path.DirectorySeparatorChar).Any(part => part is "bin" or "obj");

    private static IEnumerable<string> WideLines(string path) => WideLines(path, File.ReadAllText(path));

    private static IEnumerable<string> WideLines(string path, string code)
    {
        SourceText text = SourceText.From(code);
        TextLine[] wide = [.. text.Lines.Where(line => line.End - line.Start > Widest)];
        if (wide.Length == 0)
        {
            return [];
        }

        SyntaxNode root = CSharpSyntaxTree.ParseText(text, new CSharpParseOptions(LanguageVersion.Latest)).GetRoot();
        return wide.Where(line => !HoldsText(root, line)).Select(line => $"{path}:{line.LineNumber + 1}");
    }

    /// <summary>Whether a long text stands on the line, or the line in one; a reference in a comment cannot be cut either.</summary>
    private static bool HoldsText(SyntaxNode root, TextLine line) =>
        root.DescendantNodes(line.Span).Any(node => IsText(node) && node.Span.Intersection(line.Span) is { Length: >= LongText })
            || line.ToString().Contains("<inheritdoc", StringComparison.Ordinal);

    private static bool IsText(SyntaxNode node) =>
        node is InterpolatedStringExpressionSyntax || node.IsKind(SyntaxKind.StringLiteralExpression)
            || node.IsKind(SyntaxKind.Utf8StringLiteralExpression);
}
