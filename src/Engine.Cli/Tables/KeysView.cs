using System.Text.RegularExpressions;
using Engine.Training.Configuration;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Engine.Cli.Tables;

/// <summary>Writes keys of the run file: each with what it takes and its default, and below that what it does.</summary>
internal sealed partial class KeysView(IAnsiConsole console)
{
    private const int KeyIndentation = 2, TextIndentation = 6;

    private static readonly Style Bold = new(decoration: Decoration.Bold);
    private static readonly Style Heading = new(Color.Green, decoration: Decoration.Bold);

    public void Show(IReadOnlyList<RunFileReferenceSection> sections)
    {
        foreach (RunFileReferenceSection section in sections)
        {
            console.WriteLine(section.Heading.Length == 0 ? "run file" : section.Heading, Heading);
            foreach (RunFileReferenceEntry entry in section.Entries)
            {
                Show(entry);
            }

            console.WriteLine();
        }
    }

    private void Show(RunFileReferenceEntry entry)
    {
        string absent = entry.Default == "required" ? "required" : $"default {Plain(entry.Default)}";
        Paragraph key = new Paragraph().Append(entry.Name, Bold).Append($": {Plain(entry.Type)} ({absent})");
        console.Write(Indented(key, KeyIndentation));
        console.Write(Indented(new Text(Plain(entry.Description)), TextIndentation));
    }

    private static Padder Indented(IRenderable text, int columns) => new(text, new Padding(columns, 0, 0, 0));

    /// <summary>Text without Markdown: links that lead out of the documentation keep their address, others their words alone.</summary>
    private static string Plain(string markdown) =>
        Link().Replace(markdown, link => link.Groups["to"].Value.StartsWith("http", StringComparison.Ordinal)
            ? $"{link.Groups["text"]} ({link.Groups["to"]})"
            : link.Groups["text"].Value).Replace("`", "", StringComparison.Ordinal);

    [GeneratedRegex(@"\[(?<text>[^\]]*)\]\((?<to>[^)]*)\)")]
    private static partial Regex Link();
}
