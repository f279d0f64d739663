using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Engine.Devices.Cpu;

namespace Engine.Devices.Kernels;

/// <summary>
/// Whether the managed executor looks for reads of memory that nothing wrote. A type argument, so that the check costs nothing when off.
/// </summary>
public interface IReadPolicy
{
    /// <summary>Whether reads are checked.</summary>
    static abstract bool Checked { get; }
}

/// <summary>Reads are not checked.</summary>
public readonly struct PlainReads : IReadPolicy
{
    /// <inheritdoc/>
    public static bool Checked => false;
}

/// <summary>A read of the poison that fresh memory is filled with is an error.</summary>
public readonly struct CheckedReads : IReadPolicy
{
    /// <inheritdoc/>
    public static bool Checked => true;
}

/// <summary>Where a work-item stands in its launch, as helpers of the managed executor are told.</summary>
public readonly record struct WorkItem(
    int GridIdxX, int GridIdxY, int GridIdxZ, int GridDimX, int GridDimY, int GridDimZ, int GroupDimX, int GroupIdxX);

/// <summary>What the generated work-group functions call. Not for use in kernels.</summary>
public static unsafe class KernelRuntime
{
    /// <summary>
    /// Fresh memory's content under <c>CpuOptions.CheckReads</c>: a NaN that no arithmetic produces, as float32, float16 and bfloat16.
    /// </summary>
    internal const uint Poison = 0xFFB6_FFB6;

    /// <summary>Work-items of a warp.</summary>
    private const int WarpSize = 32;

    /// <summary>Reads one element.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Read<TReads, T>(CpuView<T> view, long index)
        where TReads : struct, IReadPolicy
        where T : unmanaged
    {
        T value = view[index];
        if (TReads.Checked && IsPoison(value))
        {
            NeverWritten<T>(index, view.Length);
        }

        return value;
    }

    /// <summary><see cref="Storage.Load"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Load<TReads, T>(CpuView<T> view, long index)
        where TReads : struct, IReadPolicy
        where T : unmanaged => Storage.ToFloat(Read<TReads, T>(view, index));

    /// <summary>Shared or local memory as a view; poisoned first when reads are checked.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static CpuView<T> Memory<TReads, T>(T* pointer, int count)
        where TReads : struct, IReadPolicy
        where T : unmanaged
    {
        if (TReads.Checked)
        {
            Fill((byte*)pointer, (long)count * sizeof(T));
        }

        return new CpuView<T>(pointer, count);
    }

    /// <summary>Local memory of a helper, which lies on the stack.</summary>
    public static CpuView<T> LocalMemory<TReads, T>(Span<byte> stack, int count)
        where TReads : struct, IReadPolicy
        where T : unmanaged => Memory<TReads, T>((T*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(stack)), count);

    /// <summary>Bytes of <paramref name="count"/> elements.</summary>
    public static int SizeInBytes<T>(int count)
        where T : unmanaged => count * sizeof(T);

    /// <summary>The item whose value <c>Warp.Shuffle</c> gives to <paramref name="item"/>.</summary>
    public static int Shuffle(int item, int lane) => (item & ~(WarpSize - 1)) | (lane & (WarpSize - 1));

    /// <summary>The item whose value <c>Warp.ShuffleXor</c> gives to <paramref name="item"/>.</summary>
    public static int ShuffleXor(int item, int mask) => item ^ (mask & (WarpSize - 1));

    /// <summary>The item whose value <c>Warp.ShuffleDown</c> gives to <paramref name="item"/>.</summary>
    public static int ShuffleDown(int item, int delta) => (item & (WarpSize - 1)) + delta < WarpSize ? item + delta : item;

    /// <summary>Throws unless the group's size is a multiple of the warp size.</summary>
    public static void RequireWarps(int groupSize, string kernel)
    {
        if (groupSize % WarpSize != 0)
        {
            throw new DeviceException(
                $"kernel {kernel} uses warp functions but was launched with groups of {groupSize} work-items; "
                    + $"the size must be a multiple of {WarpSize}.");
        }
    }

    /// <summary>Reports a branch around a barrier that not all items of a group take alike.</summary>
    [DoesNotReturn]
    public static void Diverged(string location, int item) => throw new DeviceException(
        $"{location}: the condition decides whether a barrier or an operation on tiles is reached, but work-item {item} of the group "
            + "evaluates it differently from item 0. "
        + "Let every item reach it and put the condition around the work between.");

    internal static void Fill(byte* target, long bytes)
    {
        long words = bytes / sizeof(uint);
        for (long i = 0; i < words; i++)
        {
            ((uint*)target)[i] = Poison;
        }

        for (long i = words * sizeof(uint); i < bytes; i++)
        {
            target[i] = (byte)(Poison >> (int)(8 * (i % sizeof(uint))));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsPoison<T>(T value)
        where T : unmanaged =>
        typeof(T) == typeof(Half) || typeof(T) == typeof(BFloat16) ? Unsafe.BitCast<T, ushort>(value) == unchecked((ushort)Poison)
        : sizeof(T) == sizeof(uint) ? Unsafe.BitCast<T, uint>(value) == Poison
        : sizeof(T) == sizeof(ulong) && Unsafe.BitCast<T, ulong>(value) == (((ulong)Poison << 32) | Poison);

    [DoesNotReturn]
    private static void NeverWritten<T>(long index, long length) =>
        throw new DeviceException(
            $"element {index} of a view of {length} elements of {typeof(T).Name} is read, but nothing has written it.");
}

/// <summary>
/// Memory of one thread for the work-group functions it runs: shared memory, local memory, and locals that live across a
/// barrier. Kept from group to group, so that running a group allocates nothing.
/// </summary>
public sealed unsafe class KernelScratch
{
    private const int FirstBlock = 64 * 1024;

    [ThreadStatic]
    private static KernelScratch? current;

    private readonly List<nint> outgrown = [];
    private readonly List<PendingCopies> copies = [];
    private byte* block;
    private long capacity;
    private long used;
    private long wanted;

    private KernelScratch() => Grow(FirstBlock);

    /// <inheritdoc/>
    ~KernelScratch()
    {
        FreeOutgrown();
        NativeMemory.AlignedFree(block);
    }

    /// <summary>The calling thread's scratch, emptied: what an earlier group took is gone.</summary>
    public static KernelScratch Begin()
    {
        KernelScratch scratch = current ??= new KernelScratch();
        if (scratch.outgrown.Count > 0)
        {
            scratch.FreeOutgrown();
            scratch.Grow(scratch.wanted);
            scratch.FreeOutgrown();
        }

        scratch.used = 0;
        scratch.wanted = 0;
        foreach (PendingCopies item in scratch.copies)
        {
            item.Clear();
        }

        return scratch;
    }

    /// <summary>What an item of the running group has started to copy.</summary>
    internal static PendingCopies Copies(int item)
    {
        List<PendingCopies> all = current!.copies;
        while (all.Count <= item)
        {
            all.Add(new PendingCopies());
        }

        return all[item];
    }

    /// <summary>
    /// Takes memory for <paramref name="count"/> elements, 64-byte aligned, content undefined, valid until the next <see cref="Begin"/>.
    /// </summary>
    public T* Take<T>(long count)
        where T : unmanaged
    {
        long bytes = ((count * sizeof(T)) + 63) & ~63L;
        wanted += bytes;
        if (used + bytes > capacity)
        {
            Grow(Math.Max(bytes, 2 * capacity));
            used = 0;
        }

        byte* taken = block + used;
        used += bytes;
        return (T*)taken;
    }

    private void Grow(long bytes)
    {
        if (block is not null)
        {
            outgrown.Add((nint)block);
        }

        block = (byte*)NativeMemory.AlignedAlloc((nuint)bytes, 64);
        capacity = bytes;
    }

    private void FreeOutgrown()
    {
        foreach (nint old in outgrown)
        {
            NativeMemory.AlignedFree((void*)old);
        }

        outgrown.Clear();
    }
}
