using System.Collections.Concurrent;

namespace Engine.Devices;

/// <summary>Counts a device's live bytes by owner ("weights", "arena", ...), and the highest total ever reached.</summary>
public sealed class MemoryLedger
{
    private readonly Lock gate = new();
    private readonly Dictionary<string, long> owners = new(StringComparer.Ordinal);

    /// <summary>Live bytes.</summary>
    public long Current { get; private set; }

    /// <summary>The highest number of live bytes so far.</summary>
    public long Peak { get; private set; }

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
            Peak = Current;
        }
    }

    internal void Add(string owner, long bytes)
    {
        lock (gate)
        {
            owners[owner] = owners.GetValueOrDefault(owner) + bytes;
            Current += bytes;
            Peak = Math.Max(Peak, Current);
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

            Current -= bytes;
        }
    }
}
