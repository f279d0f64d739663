namespace Engine.Devices;

/// <summary>Counts a device's live bytes by owner ("weights", "arena", ...), and the highest total ever reached.</summary>
public sealed class MemoryLedger
{
    private readonly Lock gate = new();
    private readonly Dictionary<string, long> owners = new(StringComparer.Ordinal);

    private long current;
    private long peak;

    /// <summary>Live bytes.</summary>
    public long Current => Interlocked.Read(ref current);

    /// <summary>The highest number of live bytes so far.</summary>
    public long Peak => Interlocked.Read(ref peak);

    /// <summary>Live bytes by owner, owners without live bytes left out.</summary>
    public IReadOnlyDictionary<string, long> ByOwner()
    {
        lock (gate)
        {
            return new SortedDictionary<string, long>(owners, StringComparer.Ordinal);
        }
    }

    /// <summary>Lets <see cref="Peak"/> start again from the bytes that are live now.</summary>
    public void ResetPeak()
    {
        lock (gate)
        {
            peak = current;
        }
    }

    /// <summary>Counts bytes, unless more than <paramref name="capacity"/> would then be live.</summary>
    internal bool TryAdd(string owner, long bytes, long capacity)
    {
        lock (gate)
        {
            if (bytes > capacity - current)
            {
                return false;
            }

            if (bytes > 0)
            {
                owners[owner] = owners.GetValueOrDefault(owner) + bytes;
                current += bytes;
                peak = Math.Max(peak, current);
            }

            return true;
        }
    }

    internal void Remove(string owner, long bytes)
    {
        lock (gate)
        {
            long left = owners.GetValueOrDefault(owner) - bytes;
            if (left == 0)
            {
                owners.Remove(owner);
            }
            else
            {
                owners[owner] = left;
            }

            current -= bytes;
        }
    }
}
