using System.ComponentModel;
using System.Diagnostics;

namespace Engine.EndToEnd.Tests;

/// <summary>Shell scripts that may mount file systems which no other process sees (a mount namespace of Linux).</summary>
internal static class SmallDisk
{
    /// <summary>Null where such scripts can run, else why not.</summary>
    public static string? Missing { get; } = FindMissing();

    /// <summary>Runs a script whose mounts end with it; <c>$ENGINE</c> is the program.</summary>
    public static EngineResult Run(string script)
    {
        string path = Path.GetTempFileName();
        File.WriteAllText(path, "set -e\n" + script);
        try
        {
            return EngineProcess.Shell($"exec unshare --user --map-root-user --mount sh {path}");
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static string? FindMissing()
    {
        string folder = Directory.CreateTempSubdirectory("engine-mount").FullName;
        try
        {
            EngineResult result = Run($"mount -t tmpfs -o size=64k tmpfs {folder}");
            return result.Code == 0 ? null : $"needs a file system of its own for the test: {result.Error.Trim()}";
        }
        catch (Win32Exception exception)
        {
            return $"needs /bin/sh and unshare (Linux): {exception.Message}";
        }
        finally
        {
            Directory.Delete(folder);
        }
    }
}

/// <summary>A theory that fills a file system of its own; skipped with a message where none can be mounted.</summary>
internal sealed class SmallDiskTheoryAttribute : TheoryAttribute
{
    public SmallDiskTheoryAttribute() => Skip = SmallDisk.Missing;
}
