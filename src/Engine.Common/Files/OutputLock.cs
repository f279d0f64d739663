using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Engine.Common.Files;

/// <summary>
/// Holds a folder against every other writer: a file in it that says which process of which host writes there. A file that a crash left
/// behind is known by its process, which is no more (or is another one of the same number), and taken over.
/// </summary>
internal sealed class OutputLock : IDisposable
{
    /// <summary>The file's name.</summary>
    public const string FileName = "engine.lock";

    private const int SharingViolation = unchecked((int)0x80070020);
    private const int WouldBlock = 11;
    private const int WouldBlockOfMac = 35;

    /// <summary>How long others may keep the file open, each for a moment.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(5);

    private readonly string path;
    private readonly Holder own;

    private OutputLock(string path, Holder own)
    {
        this.path = path;
        this.own = own;
    }

    /// <summary>Takes the lock of a folder, which is there.</summary>
    /// <exception cref="OutputInUseException">A process that lives holds it, or one of another host does.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static OutputLock Take(string folder)
    {
        string path = Path.Combine(folder, FileName);
        Holder own = Holder.Mine();
        long start = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                // Whoever reads or writes the file keeps the others out for that moment; which process holds the folder is what the file
                // says.
                using (FileStream file = new(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0))
                {
                    RefuseHeld(folder, path, file, own);
                    file.SetLength(0);
                    file.Write(own.ToJson());
                }

                // Between opening and writing, the holder before may have removed the file: then this one was written to no name.
                if (Holds(path, own))
                {
                    return new OutputLock(path, own);
                }
            }
            catch (IOException exception) when (IsBusy(exception) && Stopwatch.GetElapsedTime(start) < Patience)
            {
            }

            Thread.Sleep(Pause);
        }
    }

    /// <summary>Removes the file, unless somebody else has taken the folder over.</summary>
    public void Dispose()
    {
        if (Holds(path, own))
        {
            File.Delete(path);
        }
    }

    private static void RefuseHeld(string folder, string path, FileStream file, Holder own)
    {
        // An empty file is what a crash before the first write leaves.
        byte[] content = new byte[file.Length];
        file.ReadExactly(content);
        if (content.Length == 0)
        {
            return;
        }

        Holder holder = Holder.Parse(content) ?? throw new OutputInUseException(
            $"{path} does not say who holds the folder: it is no lock of this program, or was cut off. "
                + $"Delete it if no other process writes to {folder}.");
        string who = string.Create(
            CultureInfo.InvariantCulture,
            $"process {holder.Process} on {holder.Host}, which has been writing to it since {holder.Since:yyyy-MM-dd HH:mm:ss} UTC");
        if (holder.Host != own.Host)
        {
            throw new OutputInUseException(
                $"{folder} is held by {who}. Wait for it, or choose another output; if that process is no more, delete {path}.");
        }

        if (holder.Identity == Holder.IdentityOf(holder.Process))
        {
            throw new OutputInUseException($"{folder} is held by {who}. Wait for it to end, stop it, or choose another output.");
        }
    }

    private static bool Holds(string path, Holder own)
    {
        while (true)
        {
            try
            {
                return File.Exists(path) && Holder.Parse(File.ReadAllBytes(path))?.Ticket == own.Ticket;
            }
            catch (IOException exception) when (IsBusy(exception))
            {
                Thread.Sleep(Pause);
            }
            catch (FileNotFoundException)
            {
                return false;
            }
        }
    }

    /// <summary>Whether another process has the file open at this moment.</summary>
    private static bool IsBusy(IOException exception) => exception.HResult is SharingViolation or WouldBlock or WouldBlockOfMac;

    /// <summary>A process that writes to a folder.</summary>
    /// <param name="Identity">What tells it from an earlier or later process of the same number.</param>
    /// <param name="Ticket">What tells two holders in one process apart.</param>
    private sealed record Holder(int Process, string Host, string Identity, DateTime Since, string Ticket)
    {
        private static readonly JsonSerializerOptions Format = new()
        {
            PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
            RespectRequiredConstructorParameters = true,
            RespectNullableAnnotations = true,
        };

        public static Holder Mine()
        {
            string identity = IdentityOf(Environment.ProcessId)
                ?? throw new IOException(
                    "The system does not say when this process was started (/proc), so that nobody could tell whether it still runs.");
            return new Holder(Environment.ProcessId, Environment.MachineName, identity, DateTime.UtcNow, Guid.NewGuid().ToString("N"));
        }

        /// <summary>Null where no such process runs.</summary>
        public static string? IdentityOf(int process)
        {
            if (!OperatingSystem.IsLinux())
            {
                try
                {
                    using Process running = System.Diagnostics.Process.GetProcessById(process);
                    return running.HasExited ? null : running.StartTime.ToUniversalTime().Ticks.ToString(CultureInfo.InvariantCulture);
                }
                catch (Exception exception) when (exception is ArgumentException or InvalidOperationException)
                {
                    return null;
                }
            }

            // The clock may be set while a process runs; ticks since the machine's start may not.
            const int State = 0, StartTime = 19;
            string stat;
            try
            {
                stat = File.ReadAllText($"/proc/{process}/stat");
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                return null;
            }

            // The name, in parentheses, may hold anything.
            string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return fields[State] is "Z" or "X" ? null : $"{File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim()}/{fields[StartTime]}";
        }

        public byte[] ToJson() => [.. JsonSerializer.SerializeToUtf8Bytes(this, Format), (byte)'\n'];

        /// <summary>Null where the content is not what <see cref="ToJson"/> makes.</summary>
        public static Holder? Parse(byte[] content)
        {
            try
            {
                return JsonSerializer.Deserialize<Holder>(content, Format);
            }
            catch (JsonException)
            {
                return null;
            }
        }
    }
}
