namespace Engine.Devices;

/// <summary>A typed window of a <see cref="DeviceBuffer"/>: what kernels are bound to. <c>default</c> is an absent operand.</summary>
public readonly struct BufferView<T>
    where T : unmanaged
{
    /// <summary>A window of a buffer.</summary>
    /// <param name="buffer">The buffer.</param>
    /// <param name="byteOffset">Start in bytes, a multiple of the element size.</param>
    /// <param name="length">Elements.</param>
    /// <exception cref="ArgumentOutOfRangeException">The window does not lie inside the buffer, or not on an element's
    /// boundary.</exception>
    public unsafe BufferView(DeviceBuffer buffer, long byteOffset, long length)
    {
        if (byteOffset < 0 || length < 0 || byteOffset > buffer.Bytes || length > (buffer.Bytes - byteOffset) / sizeof(T))
        {
            throw new ArgumentOutOfRangeException(
                nameof(byteOffset),
                $"{length} elements of {typeof(T).Name} from byte {byteOffset} do not fit a buffer of {buffer.Bytes} bytes "
                    + $"(owner {buffer.Owner}).");
        }

        if (byteOffset % sizeof(T) != 0)
        {
            throw new ArgumentOutOfRangeException(
                nameof(byteOffset),
                $"A view of {typeof(T).Name} cannot start at byte {byteOffset} (owner {buffer.Owner}): "
                    + $"that is no multiple of {sizeof(T)}.");
        }

        Buffer = buffer;
        ByteOffset = byteOffset;
        Length = length;
    }

    /// <summary>The buffer; null only for <c>default</c>.</summary>
    public DeviceBuffer Buffer { get; }

    /// <summary>Start of the window in bytes.</summary>
    public long ByteOffset { get; }

    /// <summary>Number of elements.</summary>
    public long Length { get; }

    /// <summary>A window of this window, in elements.</summary>
    public unsafe BufferView<T> Slice(long offset, long length)
    {
        if (offset < 0 || length < 0 || offset > Length - length)
        {
            throw new ArgumentOutOfRangeException(
                nameof(offset), $"{length} elements from element {offset} do not lie inside a view of {Length}.");
        }

        return new BufferView<T>(Buffer, ByteOffset + (offset * sizeof(T)), length);
    }

    /// <summary>Copies host memory to the window.</summary>
    public void Write(ReadOnlySpan<T> source)
    {
        CheckLength(source.Length);
        Buffer.Write(source, ByteOffset);
    }

    /// <summary>Copies the window's first elements to host memory.</summary>
    public void Read(Span<T> target)
    {
        CheckLength(target.Length);
        Buffer.Read(target, ByteOffset);
    }

    /// <summary>The window's elements as a new array.</summary>
    public T[] ToArray()
    {
        var result = new T[Length];
        Read(result);
        return result;
    }

    private void CheckLength(int length)
    {
        if (length > Length)
        {
            throw new ArgumentOutOfRangeException(nameof(length), $"{length} elements do not fit a view of {Length}.");
        }
    }
}
