using Engine.Training.Configuration;

namespace Engine.Training.Tests.Configuration;

public sealed class RunFileReferenceTests
{
    [Fact]
    public void The_reference_page_holds_every_key_as_declared()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Engine.sln")))
        {
            folder = folder.Parent;
        }

        string page = File.ReadAllText(Path.Combine(folder!.FullName, "docs", "run-file.md"));
        Assert.True(
            page.Contains(RunFileReference.ToMarkdown(), StringComparison.Ordinal),
            "The tables of docs/run-file.md differ from the declared keys; they should read:\n" + RunFileReference.ToMarkdown());
    }
}
