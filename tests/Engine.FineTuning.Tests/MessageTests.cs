using System.Text.RegularExpressions;
using Engine.Tests;
using Engine.Training.Configuration;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Engine.FineTuning.Tests;

/// <summary>
/// Sentences of the library name settings by <c>Setting.Of</c>, which a program reads as its property and a run file's author as the key: a
/// sentence that spells a key itself would say <c>max_length</c> to both.
/// </summary>
public sealed partial class MessageTests
{
    /// <summary>Keys that are also words of the language; a sentence may use these as such, but not with a value behind them.</summary>
    private static readonly HashSet<string> Words =
    [
        "a", "adapter", "aggregation", "boosters", "c", "clients", "clip", "concentration", "data", "delimiter", "delta", "device",
        "directions", "every", "experts", "federated", "filter", "format", "header", "heads", "initial", "interval", "k", "kind",
        "label", "labels", "layers", "limit", "max", "method", "model", "moments", "norm", "optimizer", "output", "packing",
        "participation", "period", "power", "products", "r", "ranks", "ratio", "reference", "rise", "rounds", "scalar", "scaling",
        "seed", "split", "start", "task", "tasks", "temperature", "text", "timescale", "train", "unanswerable", "validation",
    ];

    /// <summary>Files, or folders, whose sentences spell words that are keys, each with the reason why they may.</summary>
    private static readonly Dictionary<string, string> Reasons = new()
    {
        ["Engine.Training/Configuration/TransformersKeys.cs"] = "answers keys of a run file that Engine does not have",
        ["Engine.Training/Configuration/RunFileReference.cs"] = "is the reference of a run file's keys",
        ["Engine.Training/Comparing/ComparedMethod.cs"] = "reads methods as a command line writes them, rho=0.1",
        ["Engine.Training/Data/CausalReader.cs"] = "train: false is a key of axolotl's records",
        ["Engine.Training/Data/RecordNotes.cs"] = "train: false is a key of axolotl's records",
        ["Engine.Model/Peft/"] = "speaks of what adapter_config.json has",
        ["Engine.Model/Adapters/ModelAdapters.cs"] = "speaks of what adapter_config.json has",
        ["Engine.Model/Chat/ChatTemplateFile.cs"] = "chat_template is a key of tokenizer_config.json",
        ["Engine.Safetensors/SafetensorsHeader.cs"] = "dtype is a key of a safetensors header",
    };

    private static readonly HashSet<string> Keys =
    [
        .. RunFileReference.Entries.Concat(RunFileReference.Methods.SelectMany(method => method.Entries))
            .SelectMany(entry => new[] { entry.Name, entry.Name.Split('.')[^1] }),
    ];

    [Fact]
    public void Sentences_spell_no_key_of_a_run_file()
    {
        (string File, string Spelled)[] found =
        [
            .. Directory.EnumerateFiles(Repository.Path("src"), "*.cs", SearchOption.AllDirectories)
                .Select(path => Path.GetRelativePath(Repository.Path("src"), path).Replace('\\', '/'))
                .Where(IsOfLibrary)
                .SelectMany(path => Spelled(File.ReadAllText(Repository.Path($"src/{path}"))).Select(sentence => (path, sentence))),
        ];
        string[] wrong =
            [.. found.Where(entry => !Reasons.Keys.Any(entry.File.StartsWith)).Select(entry => $"{entry.File}: {entry.Spelled}")];

        Assert.True(wrong.Length == 0, $"These sentences spell keys; write {{Setting.Of(\"key\")}}:\n{string.Join('\n', wrong)}");
        Assert.All(Reasons.Keys, reason => Assert.Contains(found, entry => entry.File.StartsWith(reason, StringComparison.Ordinal)));
    }

    /// <summary>The rule itself.</summary>
    [Theory]
    [InlineData("""throw new E("raise max_length.");""", "max_length")]
    [InlineData("""throw new E($"{x} is longer than " + $"max_length, which is {y}");""", "max_length")]
    [InlineData("""throw new E("choose products: own, or leave it out");""", "products: own")]
    [InlineData("""throw new E($"set dtype: {type}");""", "dtype")]
    [InlineData("""throw new E("name it in data.train.");""", "data.train")]
    [InlineData("""throw new E("nothing, since rho says the rise");""", "rho")]
    [InlineData("""throw new E($"raise {Setting.Of("max_length")}, the model's text; the data: its rows.");""", null)]
    [InlineData("""[Key(Default = "as max_length says")] int x;""", null)]
    public void Rule_finds_a_key_that_is_spelled(string code, string? expected) =>
        Assert.Equal(expected is null ? [] : [expected], Spelled(code).Select(sentence => sentence.Split(" in ")[0]));

    /// <summary>The command line has words of its own; the generators speak of code.</summary>
    private static bool IsOfLibrary(string path) =>
        !path.Split('/').Any(part => part is "obj" or "bin" or "Engine.Cli" or "Engine.Compiler" or "Engine.Keys.Generator");

    private static IEnumerable<string> Spelled(string code) =>
        from node in CSharpSyntaxTree.ParseText(code, new CSharpParseOptions(LanguageVersion.Latest)).GetRoot().DescendantNodes()
        where !node.Ancestors().Any(ancestor => ancestor is AttributeSyntax)
        let text = node switch
        {
            LiteralExpressionSyntax literal when literal.IsKind(SyntaxKind.StringLiteralExpression) => literal.Token.ValueText,
            InterpolatedStringTextSyntax part => part.TextToken.ValueText,
            _ => "",
        }
        where text.Contains(' ')
        from key in Word().Matches(text).Select(word => word.Value).Where(word => Keys.Contains(word) && !Words.Contains(word))
            .Concat(Pair().Matches(text).Where(pair => Keys.Contains(pair.Groups["key"].Value) && Words.Contains(pair.Groups["key"].Value))
                .Select(pair => pair.Value))
        select $"{key} in \"{text}\"";

    [GeneratedRegex("""(?<![A-Za-z0-9_])[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*(?![A-Za-z0-9_=(/])""")]
    private static partial Regex Word();

    /// <summary>A key with a value: true, a number, or one of its words.</summary>
    [GeneratedRegex("""\b(?<key>[a-z]+): (?:true|false|none|null|own|vendor|code|paper|\d\S*|[a-z0-9]+-[a-z0-9-]+)\b""")]
    private static partial Regex Pair();
}
