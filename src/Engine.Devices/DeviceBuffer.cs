using System.Runtime.InteropServices;

namespace Engine.Devices;

/// <summary>A block of device memory, counted on its device's ledger until it is disposed.</summary>
public abstract class DeviceBuffer : IDisposable
{
    private bool disposed;

    private protected DeviceBuffer(Device device, long bytes, string owner)
    {
        Device = device;
        Bytes = bytes;
        Owner = owner;
        device.Memory.Add(owner, bytes);
    }

    public Device Device { get; }

    /// <summary>Size in bytes.</summary>
    public long Bytes { get; }

    /// <summary>The owner under which the ledger counts this buffer.</summary>
    public string Owner { get; }

    /// <summary>All of the buffer, or a window of it, as elements of <typeparamref name="T"/>.</summary>
    /// <param name="byteOffset">Start of the window in bytes; a multiple of the element size.</param>
    /// <param name="length">Elements; null for the rest of the buffer.</param>
    public unsafe BufferView<T> View<T>(long byteOffset = 0, long? length = null)
        where T : unmanaged => new(this, byteOffset, length ?? ((Bytes - byteOffset) / sizeof(T)));

    /// <summary>Copies host memory to the buffer; the host memory may be reused when the call returns.</summary>
    public void Write<T>(ReadOnlySpan<T> source, long byteOffset = 0)
        where T : unmanaged
    {
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(source);
        CheckRange(byteOffset, bytes.Length);
        WriteBytes(bytes, byteOffset);
    }

    /// <summary>Waits for everything enqueued on the device, then copies from the buffer to host memory.</summary>
    public void Read<T>(Span<T> target, long byteOffset = 0)
        where T : unmanaged
    {
        Span<byte> bytes = MemoryMarshal.AsBytes(target);
        CheckRange(byteOffset, bytes.Length);
        ReadBytes(bytes, byteOffset);
    }

    /// <summary>Sets every byte to zero, in stream order.</summary>
    public void Clear() => Fill(0, 0, Bytes);

    /// <summary>Sets <paramref name="count"/> bytes from <paramref name="byteOffset"/> to <paramref name="value"/>, in stream order.</summary>
    public abstract void Fill(byte value, long byteOffset, long count);

    /// <summary>Copies bytes from another buffer of the same device, in stream order. The ranges must not overlap.</summary>
    public abstract void CopyFrom(DeviceBuffer source, long sourceOffset, long targetOffset, long count);

    public void Dispose()
    {
        if (!disposed)
        {
            disposed = true;
            Release();
            Device.Memory.Remove(Owner, Bytes);
        }

        GC.SuppressFinalize(this);
    }

    protected void CheckRange(long byteOffset, long count)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        if (byteOffset < 0 || count < 0 || byteOffset > Bytes - count)
        {
            throw new ArgumentOutOfRangeException(
                nameof(byteOffset), $"bytes {byteOffset} to {byteOffset + count} lie outside a buffer of {Bytes} bytes (owner {Owner}).");
        }
    }

    protected abstract void WriteBytes(ReadOnlySpan<byte> source, long byteOffset);

    protected abstract void ReadBytes(Span<byte> target, long byteOffset);

    protected abstract void Release();
}

/// <summary>A typed window of a <see cref="DeviceBuffer"/>: what kernels are bound to.</summary>
public readonly struct BufferView<T>
    where T : unmanaged
{
    public unsafe BufferView(DeviceBuffer buffer, long byteOffset, long length)
    {
        if (byteOffset < 0 || length < 0 || byteOffset % sizeof(T) != 0 || byteOffset + (length * sizeof(T)) > buffer.Bytes)
        {
            throw new ArgumentOutOfRangeException(
                nameof(byteOffset), $"{length} elements of {typeof(T).Name} from byte {byteOffset} do not fit a buffer of {buffer.Bytes} bytes (owner {buffer.Owner}).");
        }

        Buffer = buffer;
        ByteOffset = byteOffset;
        Length = length;
    }

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
            throw new ArgumentOutOfRangeException(nameof(offset), $"elements {offset} to {offset + length} lie outside a view of {Length}.");
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
