using Engine.Training.Configuration;
using Engine.Training.Data.Formats;

namespace Engine.Training.Tests.Configuration;

public sealed class RunFileReferenceTests
{
    [Fact]
    public void The_reference_page_holds_every_key_as_declared()
    {
        Assert.True(
            Page.Contains(RunFileReference.ToMarkdown(), StringComparison.Ordinal),
            "The tables of docs/run-file.md differ from the declared keys; they should read:\n" + RunFileReference.ToMarkdown());
    }

    [Fact]
    public void The_reference_page_holds_every_format_as_declared()
    {
        Assert.True(
            Page.Contains(DataFormats.ToMarkdown(), StringComparison.Ordinal),
            "The table of formats in docs/run-file.md differs from the declared formats; it should read:\n" + DataFormats.ToMarkdown());
    }

    private static string Page
    {
        get
        {
            DirectoryInfo? folder = new(AppContext.BaseDirectory);
            while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Engine.sln")))
            {
                folder = folder.Parent;
            }

            return File.ReadAllText(Path.Combine(folder!.FullName, "docs", "run-file.md"));
        }
    }
}
