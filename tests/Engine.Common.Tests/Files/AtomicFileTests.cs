using Engine.Common.Files;
using Engine.Safetensors;

namespace Engine.Tests.Files;

public sealed class AtomicFileTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_failed_write_leaves_the_old_file_and_nothing_else()
    {
        string path = folder.File("weights.safetensors");
        new SafetensorsWriter().Add("x", [1], new[] { 1f }).Write(path);
        byte[] before = File.ReadAllBytes(path);
        SafetensorsWriter failing = new SafetensorsWriter().Add<float>("x", [1 << 20], (first, _) =>
        {
            if (first > 0)
            {
                throw new IOException("No space left on device");
            }
        });

        IOException exception = Assert.Throws<IOException>(() => failing.Write(path));

        Assert.Contains("could not be written: No space left on device", exception.Message);
        Assert.Contains("unchanged", exception.Message);
        Assert.Equal(before, File.ReadAllBytes(path));
        Assert.Equal([path], Directory.GetFiles(folder.Root));
    }

    [Fact]
    public void A_failure_of_the_caller_is_passed_on_as_it_is()
    {
        string path = folder.File("x.json");

        Assert.Throws<InvalidOperationException>(() => AtomicFile.Write(path, _ => throw new InvalidOperationException()));
        Assert.Empty(Directory.GetFiles(folder.Root));
    }

    [Fact]
    public void An_existing_file_is_replaced_and_missing_folders_are_made()
    {
        string path = folder.File("a/b/x.bin");

        AtomicFile.WriteAllBytes(path, new byte[] { 1, 2 });
        AtomicFile.WriteAllBytes(path, new byte[] { 3 });

        Assert.Equal([3], File.ReadAllBytes(path));
    }

    [Fact]
    public void A_device_is_written_to_and_not_replaced()
    {
        string path = folder.File("open.bin");
        using FileStream open = new(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.ReadWrite);

        // Under /dev/fd stand the files that a process has open, as devices do.
        AtomicFile.WriteAllBytes($"/dev/fd/{open.SafeFileHandle.DangerousGetHandle()}", new byte[] { 7 });

        Assert.Equal(7, open.ReadByte());
        Assert.Equal([path], Directory.GetFiles(folder.Root));
    }

    [Fact]
    public void A_folder_that_cannot_be_made_is_reported_with_the_path()
    {
        File.WriteAllText(folder.File("file"), "");
        string path = folder.File("file/below.bin");

        Assert.StartsWith(
            $"{path} could not be written: ", Assert.Throws<IOException>(() => AtomicFile.WriteAllBytes(path, new byte[1])).Message);
    }
}
