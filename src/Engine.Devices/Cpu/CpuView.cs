using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace Engine.Devices.Cpu;

/// <summary>
/// What stands for an <see cref="ILGPU.ArrayView{T}"/> in the managed executor: elements that lie one after another in a buffer, in shared
/// or local memory. Every access is checked against the length.
/// </summary>
public readonly unsafe struct CpuView<T>
    where T : unmanaged
{
    private readonly T* pointer;
    private readonly long length;

    /// <param name="pointer">The first element, in memory that does not move.</param>
    /// <param name="length">Number of elements.</param>
    public CpuView(T* pointer, long length)
    {
        this.pointer = pointer;
        this.length = length;
    }

    /// <summary>Number of elements.</summary>
    public long Length => length;

    /// <summary>Number of elements as an int; the high bits are dropped.</summary>
    public int IntLength => (int)length;

    /// <summary>The element at <paramref name="index"/>.</summary>
    /// <exception cref="KernelBoundsException">The index is negative or not below <see cref="Length"/>.</exception>
    public ref T this[int index]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            if ((ulong)index >= (ulong)length)
            {
                KernelBoundsException.Throw<T>(index, 1, length);
            }

            return ref pointer[index];
        }
    }

    /// <inheritdoc cref="this[int]"/>
    public ref T this[long index]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            if ((ulong)index >= (ulong)length)
            {
                KernelBoundsException.Throw<T>(index, 1, length);
            }

            return ref pointer[index];
        }
    }

    /// <summary>The <paramref name="count"/> elements from <paramref name="offset"/> on.</summary>
    public CpuView<T> SubView(long offset, long count)
    {
        CheckRange(offset, count);
        return new CpuView<T>(pointer + offset, count);
    }

    /// <summary>The elements from <paramref name="offset"/> to the end.</summary>
    public CpuView<T> SubView(long offset) => SubView(offset, length - offset);

    /// <summary>The address of <paramref name="count"/> elements from <paramref name="index"/> on, after the bounds check.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal T* Address(long index, int count)
    {
        CheckRange(index, count);
        return pointer + index;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void CheckRange(long index, long count)
    {
        if (index < 0 || count < 0 || index > length - count)
        {
            KernelBoundsException.Throw<T>(index, count, length);
        }
    }
}

/// <summary>A kernel reached outside of a view.</summary>
public sealed class KernelBoundsException(string message) : DeviceException(message)
{
    [DoesNotReturn]
    internal static void Throw<T>(long index, long count, long length) => throw new KernelBoundsException(
        count == 1
            ? $"index {index} is outside of a view of {length} elements of {typeof(T).Name}; valid indices are 0 to {length - 1}."
            : $"elements {index} to {index + count - 1} are outside of a view of {length} elements of {typeof(T).Name}.");
}
