using System.Text.RegularExpressions;

namespace Engine.Common.Files;

/// <summary>
/// Writes a file so that its path holds either what it held before or the whole new content, also after a kill or a full disk.
/// </summary>
public static partial class AtomicFile
{
    /// <summary>
    /// Lets <paramref name="write"/> fill a temporary file beside <paramref name="path"/>, flushes it to the disk and renames it.
    /// On any failure the temporary file is removed and an earlier file at <paramref name="path"/> stays as it was. A device
    /// (<c>/dev/stdout</c>) is written to as it is.
    /// </summary>
    /// <exception cref="IOException">The file could not be written, for instance because the disk is full.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        string target = Path.GetFullPath(path);
        if (IsDevice(target))
        {
            WriteDevice(target, write);
            return;
        }

        string temporary = $"{target}.{Environment.ProcessId}-{Guid.NewGuid():N}.tmp";
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            using (FileStream stream = new(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }

            File.Move(temporary, target, overwrite: true);
        }
        catch (Exception failure)
        {
            if (File.Exists(temporary))
            {
                File.Delete(temporary);
            }

            if (failure is IOException or UnauthorizedAccessException)
            {
                throw new IOException(
                    $"{path} could not be written: {FileFault.Reason(failure)}. What was at this path before is unchanged.", failure);
            }

            throw;
        }
    }

    /// <summary>Writes <paramref name="bytes"/> as the whole content of <paramref name="path"/>.</summary>
    public static void WriteAllBytes(string path, ReadOnlyMemory<byte> bytes) => Write(path, stream => stream.Write(bytes.Span));

    /// <summary>Removes the temporary files of writes into a folder that a kill cut off.</summary>
    /// <param name="isWritten">Whether the folder's owner writes files of a name; the temporary files of others are left alone.</param>
    internal static void RemoveLeftovers(string folder, Func<string, bool> isWritten)
    {
        foreach (string path in Directory.EnumerateFiles(folder, "*.tmp"))
        {
            if (TemporaryName().Match(Path.GetFileName(path)) is { Success: true } match && isWritten(match.Groups[1].Value))
            {
                File.Delete(path);
            }
        }
    }

    [GeneratedRegex(@"\A(.+)\.[0-9]+-[0-9a-f]{32}\.tmp\z")]
    private static partial Regex TemporaryName();

    /// <summary>Whether a path names a device: a rename would put a file in its place, for every program of the machine.</summary>
    private static bool IsDevice(string target) =>
        !OperatingSystem.IsWindows() && target.StartsWith("/dev/", StringComparison.Ordinal)
            && !target.StartsWith("/dev/shm/", StringComparison.Ordinal) && File.Exists(target);

    private static void WriteDevice(string target, Action<Stream> write)
    {
        try
        {
            using FileStream stream = new(target, FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
            write(stream);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"{target} could not be written: {FileFault.Reason(failure)}.", failure);
        }
    }
}
