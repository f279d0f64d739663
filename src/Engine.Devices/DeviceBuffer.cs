using System.Runtime.InteropServices;
using ILGPU.Runtime;

namespace Engine.Devices;

/// <summary>
/// A block of device memory, counted on its device's ledger until it is disposed; or memory of ILGPU
/// (<see cref="Ilgpu.IlgpuInterop.Wrap"/>), which is neither counted nor freed.
/// </summary>
public abstract class DeviceBuffer : IDisposable
{
    private readonly MemoryBuffer? lender;
    private volatile bool disposed;

    /// <param name="lender">Whose memory it is, where it is not the device's own.</param>
    private protected DeviceBuffer(Device device, long bytes, string owner, MemoryBuffer? lender = null)
    {
        Device = device;
        Bytes = bytes;
        Owner = owner;
        this.lender = lender;
    }

    /// <summary>Where the memory lies.</summary>
    public Device Device { get; }

    /// <summary>Size in bytes.</summary>
    public long Bytes { get; }

    /// <summary>The owner under which the ledger counts this buffer, and by which errors name it.</summary>
    public string Owner { get; }

    /// <summary>True once the buffer is disposed, or the memory of ILGPU that it wraps.</summary>
    internal bool IsDisposed => disposed || lender is { IsDisposed: true };

    /// <summary>The memory of ILGPU that the buffer wraps; null where the memory is the device's own.</summary>
    internal MemoryBuffer? Lender => lender;

    /// <summary>The buffer's own memory as ILGPU knows it, from when it is first asked for.</summary>
    internal MemoryBuffer? Lent { get; set; }

    /// <summary>All of the buffer, or a window of it, as elements of <typeparamref name="T"/>.</summary>
    /// <param name="byteOffset">Start of the window in bytes; a multiple of the element size.</param>
    /// <param name="length">Elements; null for the rest of the buffer.</param>
    public unsafe BufferView<T> View<T>(long byteOffset = 0, long? length = null)
        where T : unmanaged => new(this, byteOffset, length ?? ((Bytes - byteOffset) / sizeof(T)));

    /// <summary>Copies host memory to the buffer, after what is enqueued; the host memory may be reused when the call returns.</summary>
    public void Write<T>(ReadOnlySpan<T> source, long byteOffset = 0)
        where T : unmanaged
    {
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(source);
        using Lock.Scope call = Device.Call();
        CheckRange(byteOffset, bytes.Length);
        if (bytes.Length > 0)
        {
            WriteBytes(bytes, byteOffset);
        }
    }

    /// <summary>Waits for everything enqueued on the device, then copies from the buffer to host memory.</summary>
    public void Read<T>(Span<T> target, long byteOffset = 0)
        where T : unmanaged
    {
        Span<byte> bytes = MemoryMarshal.AsBytes(target);
        using Lock.Scope call = Device.Call();
        CheckRange(byteOffset, bytes.Length);
        if (bytes.Length > 0)
        {
            ReadBytes(bytes, byteOffset);
        }
    }

    /// <summary>Sets every byte to zero, in stream order.</summary>
    public void Clear() => Fill(0, 0, Bytes);

    /// <summary>
    /// Sets <paramref name="count"/> bytes from <paramref name="byteOffset"/> to <paramref name="value"/>, in stream order.
    /// </summary>
    public void Fill(byte value, long byteOffset, long count)
    {
        using Lock.Scope call = Device.Call();
        CheckRange(byteOffset, count);
        if (count > 0)
        {
            FillBytes(value, byteOffset, count);
        }
    }

    /// <summary>Copies bytes from a buffer of the same device, in stream order.</summary>
    /// <exception cref="ArgumentException">The source is of another device, or the two ranges overlap.</exception>
    public void CopyFrom(DeviceBuffer source, long sourceOffset, long targetOffset, long count)
    {
        if (!ReferenceEquals(source.Device, Device))
        {
            throw new ArgumentException(
                $"A buffer of {source.Device} cannot be copied to one of {Device}; read it to the host first.", nameof(source));
        }

        using Lock.Scope call = Device.Call();
        source.CheckRange(sourceOffset, count);
        CheckRange(targetOffset, count);
        if (ReferenceEquals(source, this) && Math.Abs(sourceOffset - targetOffset) < count)
        {
            throw new ArgumentException(
                $"Bytes {sourceOffset} to {sourceOffset + count} overlap bytes {targetOffset} to {targetOffset + count} of the "
                    + $"same buffer (owner {Owner}).",
                nameof(source));
        }

        if (count > 0)
        {
            CopyBytes(source, sourceOffset, targetOffset, count);
        }
    }

    /// <summary>Frees the memory, unless it is ILGPU's, once the call that may be using it has returned.</summary>
    public void Dispose()
    {
        using Lock.Scope call = Device.Call();
        if (!disposed)
        {
            disposed = true;
            Release();
            if (lender is null)
            {
                Device.Memory.Remove(Owner, Bytes);
            }
            else
            {
                Device.Wrapped.Remove(this);
            }
        }

        GC.SuppressFinalize(this);
    }

    internal void ThrowIfDisposed()
    {
        if (disposed)
        {
            throw new ObjectDisposedException(GetType().Name, $"The buffer of {Bytes:N0} bytes (owner {Owner}) on {Device} is disposed.");
        }

        Device.ThrowIfDisposed();
        if (IsDisposed)
        {
            throw new ObjectDisposedException(
                GetType().Name, $"ILGPU's memory of {Bytes:N0} bytes (owner {Owner}), which a buffer on {Device} wraps, is disposed.");
        }
    }

    internal static DeviceOutOfMemoryException OutOfMemory(Device device, long bytes, string owner) =>
        new(device.ToString(), owner, bytes, device.Memory.Current - bytes, device.MemoryBytes);

    private protected abstract void FillBytes(byte value, long byteOffset, long count);

    private protected abstract void CopyBytes(DeviceBuffer source, long sourceOffset, long targetOffset, long count);

    private protected abstract void WriteBytes(ReadOnlySpan<byte> source, long byteOffset);

    private protected abstract void ReadBytes(Span<byte> target, long byteOffset);

    private protected abstract void Release();

    private void CheckRange(long byteOffset, long count)
    {
        ThrowIfDisposed();
        if (byteOffset < 0 || count < 0 || byteOffset > Bytes - count)
        {
            throw new ArgumentOutOfRangeException(
                nameof(byteOffset), $"{count} bytes from byte {byteOffset} do not lie inside a buffer of {Bytes} bytes (owner {Owner}).");
        }
    }
}
