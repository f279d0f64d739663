using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Engine.Devices.Programs;

/// <summary>
/// Compiled programs on disk, one file for each key. The cache only saves time: an entry that is damaged or foreign is rebuilt,
/// a folder that cannot be read or written costs the builds, and <see cref="Problem"/> says so. Safe for use by several threads, devices
/// and processes.
/// </summary>
/// <remarks>
/// An entry is: 8 bytes magic, 4 bytes format version, 32 bytes key, 8 bytes length of the binary, 32 bytes SHA-256 of the
/// binary, the binary. Numbers are little-endian.
/// </remarks>
/// <param name="folder">Where entries lie; null keeps nothing on disk.</param>
internal sealed class ProgramCache(string? folder)
{
    private const int FormatVersion = 1;
    private const int KeyAt = 12;
    private const int LengthAt = KeyAt + ProgramKey.Size;
    private const int ChecksumAt = LengthAt + sizeof(long);
    private const int HeaderSize = ChecksumAt + SHA256.HashSizeInBytes;

    /// <summary>Far above any kernel's binary: a larger file is not one of ours.</summary>
    private const long LargestEntry = 256L << 20;

    private int hits;
    private int misses;
    private int rejected;

    /// <summary>
    /// The cache in the folder of the variable <c>ENGINE_CACHE</c>, else in the user's cache folder under <c>engine/programs</c>.
    /// </summary>
    public static ProgramCache Default { get; } = new(DefaultFolder());

    /// <summary>Where entries lie; null when nothing is kept on disk.</summary>
    public string? Folder => folder;

    /// <summary>Entries that were found intact.</summary>
    public int Hits => Volatile.Read(ref hits);

    /// <summary>Programs that were not there.</summary>
    public int Misses => Volatile.Read(ref misses);

    /// <summary>Entries that were there and were not trusted.</summary>
    public int Rejected => Volatile.Read(ref rejected);

    /// <summary>The last reason why an entry was not used or not written; null while all is well.</summary>
    public string? Problem { get; private set; }

    private static ReadOnlySpan<byte> Magic => "ENGPROG\0"u8;

    /// <summary>The binary kept under a key; null where there is none to be trusted.</summary>
    public byte[]? Find(ProgramKey key)
    {
        if (folder is null)
        {
            Interlocked.Increment(ref misses);
            return null;
        }

        byte[] entry;
        try
        {
            using FileStream file = File.OpenRead(PathOf(key));
            if (file.Length is < HeaderSize or > LargestEntry)
            {
                Reject(key, $"its length is {file.Length} bytes");
                return null;
            }

            entry = new byte[file.Length];
            file.ReadExactly(entry);
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            Interlocked.Increment(ref misses);
            return null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            Reject(key, exception.Message);
            return null;
        }

        if (Fault(entry, key) is { } fault)
        {
            Reject(key, fault);
            return null;
        }

        Interlocked.Increment(ref hits);
        return entry[HeaderSize..];
    }

    /// <summary>Keeps a binary; a folder that cannot be written is noted in <see cref="Problem"/>.</summary>
    public void Store(ProgramKey key, ReadOnlySpan<byte> binary)
    {
        if (folder is null || binary.IsEmpty)
        {
            return;
        }

        var header = new byte[HeaderSize];
        Magic.CopyTo(header);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(Magic.Length), FormatVersion);
        key.ToBytes().CopyTo(header, KeyAt);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(LengthAt), binary.Length);
        SHA256.HashData(binary, header.AsSpan(ChecksumAt));

        string target = PathOf(key);
        string temporary = $"{target}.{Guid.NewGuid():N}.tmp";
        try
        {
            CreateFolder(folder);
            try
            {
                using (var file = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write))
                {
                    file.Write(header);
                    file.Write(binary);
                    file.Flush(flushToDisk: true);
                }

                File.Move(temporary, target, overwrite: true);
            }
            finally
            {
                // Gone after the move; still there when writing failed.
                File.Delete(temporary);
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            Problem = $"The compiled program could not be kept in {folder}: {exception.Message} It will be built again next time; "
                + "set ENGINE_CACHE to a folder that can be written.";
        }
    }

    /// <summary>Counts an entry that is not trusted. The next <see cref="Store"/> replaces it.</summary>
    public void Reject(ProgramKey key, string reason)
    {
        Interlocked.Increment(ref rejected);
        Problem = $"The cached program {PathOf(key)} was not used and is built again: {reason}.";
    }

    private static string? Fault(byte[] entry, ProgramKey key)
    {
        if (!entry.AsSpan().StartsWith(Magic))
        {
            return "it is not a program of Engine";
        }

        int version = BinaryPrimitives.ReadInt32LittleEndian(entry.AsSpan(Magic.Length));
        if (version != FormatVersion)
        {
            return $"it has format version {version}, and {FormatVersion} is expected";
        }

        if (!entry.AsSpan(KeyAt, ProgramKey.Size).SequenceEqual(key.ToBytes()))
        {
            return "it was written under another key";
        }

        long length = BinaryPrimitives.ReadInt64LittleEndian(entry.AsSpan(LengthAt));
        if (length != entry.Length - HeaderSize)
        {
            return $"its header promises {length} bytes and {entry.Length - HeaderSize} follow";
        }

        return SHA256.HashData(entry.AsSpan(HeaderSize)).AsSpan().SequenceEqual(entry.AsSpan(ChecksumAt, SHA256.HashSizeInBytes))
            ? null
            : "its checksum does not match";
    }

    /// <summary>Makes the folder for this user alone: what lies in it is loaded into the driver and run.</summary>
    private static void CreateFolder(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(path);
        }
        else
        {
            Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    private static string? DefaultFolder()
    {
        if (Environment.GetEnvironmentVariable("ENGINE_CACHE") is { Length: > 0 } chosen)
        {
            return Path.GetFullPath(chosen);
        }

        return UserCacheFolder() is { Length: > 0 } cache ? Path.Combine(cache, "engine", "programs") : null;
    }

    private static string? UserCacheFolder()
    {
        if (OperatingSystem.IsWindows())
        {
            return Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData);
        }

        if (Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { } chosen && Path.IsPathRooted(chosen))
        {
            return chosen;
        }

        string home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        return home.Length == 0 ? null : Path.Combine(home, OperatingSystem.IsMacOS() ? "Library/Caches" : ".cache");
    }

    private string PathOf(ProgramKey key) => Path.Combine(folder ?? "", key.Hex + ".program");
}
