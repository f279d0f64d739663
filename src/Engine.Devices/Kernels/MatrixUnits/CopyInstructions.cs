using System.Runtime.CompilerServices;
using ILGPU.IR.Intrinsics;

namespace Engine.Devices.Kernels;

/// <summary>
/// A CUDA card's instructions for copies to shared memory. Their bodies run on ILGPU's CPU accelerator only, where each item is a thread: a
/// copy is made when its thread waits for it, and not before.
/// </summary>
public static unsafe class CopyInstructions
{
    [ThreadStatic]
    private static PendingCopies? pending;

    private static PendingCopies Pending => pending ??= new PendingCopies();

    /// <summary>cp.async.cg: copies the first <paramref name="bytes"/>, 16 or 0, and writes zeros behind them to make it 16.</summary>
    [IntrinsicImplementation]
    public static void Start(ref ushort target, ref ushort source, int bytes) =>
        Pending.Start((nint)Unsafe.AsPointer(ref target), bytes == 0 ? 0 : (nint)Unsafe.AsPointer(ref source));

    /// <summary>cp.async.commit_group.</summary>
    [IntrinsicImplementation]
    public static void Commit() => Pending.Commit();

    /// <summary>cp.async.wait_group.</summary>
    [IntrinsicImplementation]
    public static void Wait(int batches) => Pending.Wait(batches);
}
