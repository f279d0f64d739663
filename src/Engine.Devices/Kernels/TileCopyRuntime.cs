using Engine.Devices.Cpu;

namespace Engine.Devices.Kernels;

/// <summary>
/// <see cref="TileCopy"/> in the managed executor, called by the generated work-group functions. Copies are made where they start; with
/// checked reads, where they are waited for, and until then the target counts as memory that nothing wrote.
/// </summary>
public static unsafe class TileCopyRuntime
{
    /// <summary><see cref="TileCopy.Start"/> of item <paramref name="item"/>.</summary>
    public static void Start<TReads, T>(int item, CpuView<T> source, long from, CpuView<T> target, long to, bool inside)
        where TReads : struct, IReadPolicy
        where T : unmanaged
    {
        T* written = target.Address(to, Tile.Alignment), read = inside ? source.Address(from, Tile.Alignment) : null;
        if ((nuint)written % PendingCopies.Bytes != 0 || (nuint)read % PendingCopies.Bytes != 0)
        {
            throw new DeviceException(
                $"{Tile.Alignment} elements are copied from element {from} to element {to}; give multiples of {Tile.Alignment} elements, "
                + $"in views that begin at multiples of {PendingCopies.Bytes} bytes.");
        }

        if (TReads.Checked)
        {
            KernelScratch.Copies(item).Start((nint)written, (nint)read);
        }
        else
        {
            PendingCopies.Copy((nint)written, (nint)read);
        }
    }

    /// <summary><see cref="TileCopy.Commit"/> of item <paramref name="item"/>.</summary>
    public static void Commit<TReads>(int item)
        where TReads : struct, IReadPolicy
    {
        if (TReads.Checked)
        {
            KernelScratch.Copies(item).Commit();
        }
    }

    /// <summary><see cref="TileCopy.Wait"/> of item <paramref name="item"/>.</summary>
    public static void Wait<TReads>(int item, int batches)
        where TReads : struct, IReadPolicy
    {
        if (TReads.Checked)
        {
            KernelScratch.Copies(item).Wait(batches);
        }
    }
}
