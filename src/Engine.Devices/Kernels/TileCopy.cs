using ILGPU;

namespace Engine.Devices.Kernels;

/// <summary>
/// Copies of 16 bytes from global to shared memory, past the registers, that run while the item goes on: <c>cp.async</c> on CUDA cards,
/// plain copies on other devices. Elements are <see cref="System.Half"/> or <see cref="BFloat16"/> and are copied as they stand, on their
/// way to <see cref="Tile.LoadA"/> or <see cref="Tile.LoadB"/>; the kernel runs where tiles do. Each item copies by itself, and a barrier
/// is no part of it: an item starts copies, closes them to a batch, and waits for its batches. What is copied may be read by the item
/// itself after <see cref="Wait"/>, by others after a barrier that follows it. Until then neither source nor target changes, and the
/// target's content is undefined.
/// </summary>
public static class TileCopy
{
    /// <summary>Starts to copy <see cref="Tile.Alignment"/> elements.</summary>
    /// <param name="source">A global view.</param>
    /// <param name="from">The first element that is read; it lies at a multiple of 16 bytes, as every <see cref="Tile.Alignment"/>th one
    /// does where the view begins at one.</param>
    /// <param name="target">A shared view.</param>
    /// <param name="to">The first element that is written; a multiple of <see cref="Tile.Alignment"/>.</param>
    /// <param name="inside">Where false, nothing is read, <paramref name="from"/> may lie anywhere, and zeros are written.</param>
    public static void Start<T>(ArrayView<T> source, long from, ArrayView<T> target, long to, bool inside)
        where T : unmanaged => throw OutsideKernel.Error(nameof(TileCopy));

    /// <summary>Makes a batch of the copies that the item has started since the last one; none is a batch too.</summary>
    public static void Commit() => throw OutsideKernel.Error(nameof(TileCopy));

    /// <summary>Waits until of the item's batches at most the newest <paramref name="batches"/> are still under way.</summary>
    /// <param name="batches">0 or more; a constant, which is part of the instruction.</param>
    public static void Wait(int batches) => throw OutsideKernel.Error(nameof(TileCopy));
}
