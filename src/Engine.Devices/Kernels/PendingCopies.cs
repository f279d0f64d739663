namespace Engine.Devices.Kernels;

/// <summary>
/// An item's copies (<see cref="TileCopy"/>) where they are held back as long as a device may take for them: each is made when it is waited
/// for.
/// </summary>
internal sealed unsafe class PendingCopies
{
    /// <summary>Bytes of a copy.</summary>
    public const int Bytes = 16;

    private readonly Queue<(nint Target, nint Source, int Batch)> copies = new();
    private int batches;

    /// <summary>Copies 16 bytes; zeros where <paramref name="source"/> is 0.</summary>
    public static void Copy(nint target, nint source)
    {
        var bytes = new Span<byte>((void*)target, Bytes);
        if (source == 0)
        {
            bytes.Clear();
        }
        else
        {
            new ReadOnlySpan<byte>((void*)source, Bytes).CopyTo(bytes);
        }
    }

    /// <summary><see cref="TileCopy.Start"/>; the target becomes memory that nothing has written.</summary>
    public void Start(nint target, nint source)
    {
        KernelRuntime.Fill((byte*)target, Bytes);
        copies.Enqueue((target, source, batches));
    }

    /// <summary><see cref="TileCopy.Commit"/>.</summary>
    public void Commit() => batches++;

    /// <summary><see cref="TileCopy.Wait"/>.</summary>
    public void Wait(int underWay)
    {
        while (copies.TryPeek(out (nint Target, nint Source, int Batch) copy) && copy.Batch < batches - underWay)
        {
            copies.Dequeue();
            Copy(copy.Target, copy.Source);
        }
    }

    /// <summary>Forgets what is under way.</summary>
    public void Clear() => copies.Clear();
}
