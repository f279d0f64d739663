using ILGPU;

namespace Engine.Devices.Kernels;

/// <summary><see cref="TileCopy"/> on devices that ILGPU compiles for.</summary>
public static class WarpCopy
{
    /// <summary><see cref="TileCopy.Start"/>. Where nothing is read, the source's address is that of the view.</summary>
    public static void Start<T>(ArrayView<T> source, long from, ArrayView<T> target, long to, bool inside)
        where T : unmanaged =>
        CopyInstructions.Start(
            ref target.Cast<ushort>()[to], ref source.Cast<ushort>()[inside ? from : 0], inside ? PendingCopies.Bytes : 0);

    /// <summary><see cref="TileCopy.Commit"/>.</summary>
    public static void Commit() => CopyInstructions.Commit();

    /// <summary><see cref="TileCopy.Wait"/>.</summary>
    public static void Wait(int batches) => CopyInstructions.Wait(batches);
}
