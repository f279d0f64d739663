using System.Text.Json.Nodes;
using Engine.Common.Files;

namespace Engine.Tests.Files;

/// <summary>Folders that commands write: whose files are whose, sets that replace sets, and who holds a folder.</summary>
public sealed class OutputFolderTests : IDisposable
{
    private static readonly string[] Old = ["adapter/config.json", "adapter/weights", "checkpoint-3/state", "config.yaml", "summary.json"];
    private static readonly string[] New = ["adapter/weights", "checkpoint-2/state", "config.yaml", "summary.json"];
    private static readonly string[] Foreign =
        ["adapter/notes.txt", "checkpoint-3/notes.txt", "checkpoint-7/state", "readme.md", "replacement/notes.txt"];

    private readonly TemporaryFolder folder = new();

    private string Root => folder.File("run");

    public void Dispose() => folder.Dispose();

    /// <summary>The states between two renames are those that a kill can leave.</summary>
    [Fact]
    public void A_set_that_is_cut_off_at_any_change_is_whole_somewhere_and_is_in_its_place_after_the_next_opening()
    {
        int changes = 0;
        for (bool cutOff = true; cutOff; changes++)
        {
            WriteOld();
            int left = changes;
            cutOff = false;
            using (OutputFolder output = OutputFolder.Open(Root))
            {
                using OutputFolder inner = output.Inner("replacement");
                inner.Claim(New);
                Write(inner.FolderPath, New, "new");
                output.BeforeChange = () => _ = left-- > 0 ? true : throw new OperationCanceledException();
                try
                {
                    output.Adopt(inner, output.Files);
                }
                catch (OperationCanceledException)
                {
                    cutOff = true;
                }
            }

            string[] places = [Root, .. Directory.GetDirectories(Root)];
            Assert.True(
                places.Any(place => Holds(place, Old, "old")) || places.Any(place => Holds(place, New, "new")),
                $"after {changes} changes neither is whole: {string.Join(", ", Files())}");
            OutputFolder.Open(Root).Dispose();
            Assert.Equal([.. Foreign.Concat(New).Append("manifest.json").Order(StringComparer.Ordinal)], Files());
            Assert.True(Holds(Root, New, "new"));
            Assert.True(Holds(Root, Foreign, "foreign"));
            using (OutputFolder after = OutputFolder.Open(Root))
            {
                Assert.Equal(New, after.Files);
            }

            Directory.Delete(Root, recursive: true);
        }

        Assert.InRange(changes, 10, 30);
    }

    [Fact]
    public void A_set_that_cannot_be_written_changes_nothing_and_leaves_nothing()
    {
        WriteOld();
        string[] before = Files();
        using (OutputFolder output = OutputFolder.Open(Root))
        {
            IOException full = Assert.Throws<IOException>(() => output.Replace(whole =>
            {
                Write(whole, ["adapter/weights"], "new");
                throw new IOException("No space left on device");
            }));
            Assert.Equal("No space left on device", full.Message);
        }

        Assert.Equal(before, Files());
        Assert.True(Holds(Root, Old, "old"));
    }

    [Fact]
    public void What_a_kill_left_while_a_set_was_written_is_removed_and_nothing_else()
    {
        WriteOld();
        string[] before = Files();
        JsonNode manifest = JsonNode.Parse(File.ReadAllText(Path.Combine(Root, "manifest.json")))!;
        manifest["temporary"] = new JsonArray("partial-1");
        File.WriteAllText(Path.Combine(Root, "manifest.json"), manifest.ToJsonString());
        Write(Root, ["partial-1/adapter/weights"], "half");
        string temporary = $".{Environment.ProcessId}-{Guid.NewGuid():N}.tmp";
        Write(Root, [$"summary.json{temporary}", $"readme.md{temporary}"], "half");
        OutputFolder.Open(Root).Dispose();
        Assert.Equal([.. before.Append($"readme.md{temporary}").Order(StringComparer.Ordinal)], Files());
    }

    [Fact]
    public void A_file_that_was_not_written_here_is_neither_written_over_nor_removed()
    {
        WriteOld();
        using OutputFolder output = OutputFolder.Open(Root);
        Assert.Contains("readme.md is there already", Assert.Throws<IOException>(() => output.Claim("readme.md")).Message);
        Assert.Contains(
            "checkpoint-7/state is there already",
            Assert.Throws<IOException>(() => output.Replace(whole => Write(whole, ["checkpoint-7/state"], "new"))).Message);
        output.Remove([.. Old, .. Foreign]);
        Assert.Equal([.. Foreign.Append("engine.lock").Append("manifest.json").Order(StringComparer.Ordinal)], Files());
        Directory.CreateSymbolicLink(Path.Combine(Root, "linked"), folder.Root);
        Assert.Contains("linked is a link", Assert.Throws<IOException>(() => output.Claim("linked/file")).Message);
    }

    [Theory]
    [InlineData("""{"files": ["../other.txt"]}""", "'../other.txt' is no name of a file in the folder")]
    [InlineData("""{"files": ["/etc/passwd"]}""", "no name of a file")]
    [InlineData("""{"files": [], "temporary": [".."]}""", "no name of a file")]
    [InlineData("""{"files": [], "pending": {"from": "a", "aside": "b", "fresh": ["a/../../c"], "replaced": []}}""", "no name of a file")]
    [InlineData("""{"name": "an app", "files": []}""", "move the file away")]
    [InlineData("{}", "move the file away")]
    [InlineData("[", "move the file away")]
    public void A_manifest_that_is_none_or_names_what_lies_elsewhere_is_refused(string content, string expected)
    {
        Write(Root, ["manifest.json"], content);
        File.WriteAllText(folder.File("other.txt"), "kept");
        Assert.Contains(expected, Assert.Throws<IOException>(() => OutputFolder.Open(Root)).Message);
        Assert.Equal("kept", File.ReadAllText(folder.File("other.txt")));
        Assert.Equal(["manifest.json"], Files());
    }

    [Fact]
    public void A_folder_is_held_until_it_is_let_go()
    {
        using (OutputFolder.Open(Root))
        {
            Directory.CreateSymbolicLink(folder.File("link"), Root);
            foreach (string name in (string[])[Root, folder.File("link"), Root + "/"])
            {
                string message = Assert.Throws<OutputInUseException>(() => OutputFolder.Open(name)).Message;
                Assert.Contains($"held by process {Environment.ProcessId} on {Environment.MachineName}", message);
            }
        }

        File.Delete(folder.File("link"));
        Assert.False(Directory.Exists(Root), "a folder that nothing was written into is removed");
        OutputFolder.Open(Root).Dispose();
    }

    /// <summary>Of a process that is no more, of another one that has its number now, and of a write that was cut off.</summary>
    [Theory]
    [InlineData(true, int.MaxValue, "x")]
    [InlineData(true, 0, "x")]
    [InlineData(false, 0, "")]
    public void A_lock_that_a_crash_left_is_taken_over(bool written, int process, string identity)
    {
        Write(Root, ["engine.lock"],
            written ? Lock(process == 0 ? Environment.ProcessId : process, Environment.MachineName, identity) : "");
        using (OutputFolder.Open(Root))
        {
            Assert.Throws<OutputInUseException>(() => OutputFolder.Open(Root));
        }

        Assert.Empty(Files());
    }

    [Theory]
    [InlineData(true, "process 12 on elsewhere", "delete ")]
    [InlineData(false, "does not say who holds the folder", "Delete it")]
    public void A_lock_whose_holder_cannot_be_asked_is_left_with_what_to_delete(bool written, string who, string remedy)
    {
        string content = written ? Lock(12, "elsewhere", "x") : "somebody's";
        Write(Root, ["engine.lock"], content);
        string message = Assert.Throws<OutputInUseException>(() => OutputFolder.Open(Root)).Message;
        foreach (string part in (string[])[who, remedy, Path.Combine(Root, "engine.lock")])
        {
            Assert.Contains(part, message);
        }

        Assert.Equal(content, File.ReadAllText(Path.Combine(Root, "engine.lock")));
    }

    [Fact]
    public void Of_many_that_want_a_folder_at_once_one_at_a_time_has_it()
    {
        int holders = 0, taken = 0, refused = 0;
        Thread[] threads = [.. Enumerable.Range(0, 6).Select(_ => new Thread(() =>
        {
            for (int i = 0; i < 60; i++)
            {
                try
                {
                    using (OutputFolder.Open(Root))
                    {
                        Assert.Equal(1, Interlocked.Increment(ref holders));
                        Interlocked.Increment(ref taken);
                        Thread.Sleep(1);
                        Interlocked.Decrement(ref holders);
                    }
                }
                catch (OutputInUseException)
                {
                    Interlocked.Increment(ref refused);
                }
            }
        }))];
        Directory.CreateDirectory(Root);
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());
        Assert.Equal(360, taken + refused);
        Assert.True(taken > 0 && refused > 0, $"{taken} had it, {refused} were refused");
    }

    [Theory]
    [InlineData("a/b/../c", "target/c")]
    [InlineData("a/b/../x/y", "target/x/y")]
    [InlineData("circle", null)]
    public void Links_are_resolved_on_the_way_and_at_the_end(string path, string? expected)
    {
        Directory.CreateDirectory(folder.File("target/b"));
        Directory.CreateSymbolicLink(folder.File("a"), "target");
        File.CreateSymbolicLink(folder.File("circle"), folder.File("circle2"));
        File.CreateSymbolicLink(folder.File("circle2"), folder.File("circle"));
        if (expected is null)
        {
            Assert.Contains("circle", Assert.Throws<IOException>(() => RealPath.Of(folder.File(path))).Message);
            return;
        }

        Assert.Equal(Path.Combine(RealPath.Of(folder.Root), expected), RealPath.Of(folder.File(path)));
        Assert.True(RealPath.IsWithin(RealPath.Of(folder.File("a")), RealPath.Of(folder.File(path))));
        Assert.False(RealPath.IsWithin(folder.File("targe"), folder.File("target")));
    }

    private static string Lock(int process, string host, string identity) => new JsonObject
    {
        ["process"] = process,
        ["host"] = host,
        ["identity"] = identity,
        ["since"] = new DateTime(2026, 1, 2, 0, 0, 0, DateTimeKind.Utc),
        ["ticket"] = "t",
    }.ToJsonString();

    private static void Write(string root, IEnumerable<string> names, string content)
    {
        foreach (string name in names)
        {
            string path = Path.Combine(root, name);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, content);
        }
    }

    private static bool Holds(string root, IEnumerable<string> names, string content) =>
        names.All(name => File.Exists(Path.Combine(root, name)) && File.ReadAllText(Path.Combine(root, name)) == content);

    private void WriteOld()
    {
        using OutputFolder output = OutputFolder.Open(Root);
        output.Replace(whole => Write(whole, Old, "old"));
        Write(Root, Foreign, "foreign");
    }

    private string[] Files() =>
        [.. Directory.GetFiles(Root, "*", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(Root, path)).Order(StringComparer.Ordinal)];
}
