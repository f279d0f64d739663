namespace Engine.Devices.Kernels;

/// <summary>The launch's groups, in up to three dimensions.</summary>
public static class Grid
{
    /// <summary>Index of the running group.</summary>
    public static int IdxX => throw OutsideKernel.Error(nameof(Grid));

    /// <inheritdoc cref="IdxX"/>
    public static int IdxY => throw OutsideKernel.Error(nameof(Grid));

    /// <inheritdoc cref="IdxX"/>
    public static int IdxZ => throw OutsideKernel.Error(nameof(Grid));

    /// <summary>Number of groups.</summary>
    public static int DimX => throw OutsideKernel.Error(nameof(Grid));

    /// <inheritdoc cref="DimX"/>
    public static int DimY => throw OutsideKernel.Error(nameof(Grid));

    /// <inheritdoc cref="DimX"/>
    public static int DimZ => throw OutsideKernel.Error(nameof(Grid));
}

/// <summary>The running group: work-items that share memory and can wait for each other. Groups have one dimension.</summary>
public static class Group
{
    /// <summary>Index of the running work-item in its group.</summary>
    public static int IdxX => throw OutsideKernel.Error(nameof(Group));

    /// <summary>Number of work-items in the group.</summary>
    public static int DimX => throw OutsideKernel.Error(nameof(Group));

    /// <summary>Waits for every work-item of the group, and makes their writes visible. Every item of the group must reach it.</summary>
    public static void Barrier() => throw OutsideKernel.Error(nameof(Group));
}

/// <summary>
/// 32 neighbouring work-items that can exchange values. Every item of the group must reach a shuffle, as it must reach a
/// barrier, and the group's size must be a multiple of <see cref="WarpSize"/>.
/// </summary>
public static class Warp
{
    /// <summary>Work-items of a warp, on every device.</summary>
    public const int WarpSize = 32;

    /// <summary>Index of the running work-item in its warp.</summary>
    public static int LaneIdx => throw OutsideKernel.Error(nameof(Warp));

    /// <summary>The value of lane <paramref name="lane"/> (modulo the warp size).</summary>
    public static float Shuffle(float value, int lane) => throw OutsideKernel.Error(nameof(Warp));

    /// <inheritdoc cref="Shuffle(float, int)"/>
    public static int Shuffle(int value, int lane) => throw OutsideKernel.Error(nameof(Warp));

    /// <inheritdoc cref="Shuffle(float, int)"/>
    public static uint Shuffle(uint value, int lane) => throw OutsideKernel.Error(nameof(Warp));

    /// <summary>The value of the lane whose index differs from this lane's in the bits of <paramref name="mask"/>.</summary>
    public static float ShuffleXor(float value, int mask) => throw OutsideKernel.Error(nameof(Warp));

    /// <inheritdoc cref="ShuffleXor(float, int)"/>
    public static int ShuffleXor(int value, int mask) => throw OutsideKernel.Error(nameof(Warp));

    /// <inheritdoc cref="ShuffleXor(float, int)"/>
    public static uint ShuffleXor(uint value, int mask) => throw OutsideKernel.Error(nameof(Warp));

    /// <summary>The value of the lane <paramref name="delta"/> places up; the last lanes keep their own.</summary>
    public static float ShuffleDown(float value, int delta) => throw OutsideKernel.Error(nameof(Warp));

    /// <inheritdoc cref="ShuffleDown(float, int)"/>
    public static int ShuffleDown(int value, int delta) => throw OutsideKernel.Error(nameof(Warp));

    /// <inheritdoc cref="ShuffleDown(float, int)"/>
    public static uint ShuffleDown(uint value, int delta) => throw OutsideKernel.Error(nameof(Warp));
}

/// <summary>Memory that the work-items of a group share.</summary>
public static class SharedMemory
{
    /// <summary>
    /// Allocates shared memory, undefined at first. Allowed where a kernel (not a helper) declares a local, outside of loops and branches.
    /// </summary>
    /// <param name="count">Elements: an expression of literals, constants and <c>[Specialize]</c> parameters.</param>
    public static ArrayView<T> Allocate<T>(int count)
        where T : unmanaged => throw OutsideKernel.Error(nameof(SharedMemory));
}

/// <summary>Memory that belongs to one work-item: registers where all indices unroll to constants.</summary>
public static class LocalMemory
{
    /// <summary>Allocates local memory, undefined at first. Allowed where a kernel or helper declares a local, outside of loops and branches.</summary>
    /// <param name="count">Elements: an expression of literals, constants and <c>[Specialize]</c> parameters.</param>
    public static ArrayView<T> Allocate<T>(int count)
        where T : unmanaged => throw OutsideKernel.Error(nameof(LocalMemory));
}

internal static class OutsideKernel
{
    public static InvalidOperationException Error(string name) =>
        new($"{name} has a meaning only inside a kernel; launch the kernel through the Bind method of its generated class.");
}
