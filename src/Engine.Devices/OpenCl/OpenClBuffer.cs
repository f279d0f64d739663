using System.Numerics;
using System.Runtime.CompilerServices;
using ILGPU.Runtime;

namespace Engine.Devices.OpenCl;

/// <summary>A <c>cl_mem</c> buffer.</summary>
internal sealed unsafe class OpenClBuffer : DeviceBuffer
{
    /// <summary>The longest fill pattern used; drivers fill faster with it than byte by byte.</summary>
    private const int LongestPattern = 16;

    private readonly OpenClDevice device;

    public OpenClBuffer(OpenClDevice device, long bytes, string owner)
        : base(device, bytes, owner)
    {
        this.device = device;
        int code;

        // OpenCL has no empty buffers.
        Handle = OpenClApi.CreateBuffer(device.Context, OpenClApi.MemoryReadWrite, (nuint)Math.Max(bytes, 1), null, &code);
        if (OpenClError.IsOutOfMemory(code))
        {
            throw OutOfMemory(device, bytes, owner);
        }

        OpenClError.Check(code, "clCreateBuffer", device, $"{bytes:N0} bytes of {owner} were asked for.");
    }

    /// <summary>Memory of ILGPU in the device's context. It is retained: ILGPU may let go of it first.</summary>
    public OpenClBuffer(OpenClDevice device, nint memory, long bytes, string owner, MemoryBuffer lender)
        : base(device, bytes, owner, lender)
    {
        this.device = device;
        if (memory != 0)
        {
            OpenClError.Check(
                OpenClApi.RetainMemObject(memory), "clRetainMemObject", device, $"The memory holds {bytes:N0} bytes of {owner}.");
        }

        Handle = memory;
    }

    /// <summary>The <c>cl_mem</c>; 0 where empty memory of ILGPU is wrapped.</summary>
    public nint Handle { get; private set; }

    private protected override void WriteBytes(ReadOnlySpan<byte> source, long byteOffset) =>
        device.Staging.Write(this, source, byteOffset);

    private protected override void ReadBytes(Span<byte> target, long byteOffset)
    {
        fixed (byte* to = target)
        {
            int code = OpenClApi.EnqueueReadBuffer(
                device.Queue, Handle, OpenClApi.True, (nuint)byteOffset, (nuint)target.Length, to, 0, null, null);
            Check(code, "clEnqueueReadBuffer");
            device.SettleWrites();
        }
    }

    private protected override void FillBytes(byte value, long byteOffset, long count)
    {
        // The pattern's size must divide offset and count.
        int patternSize = (int)Math.Min(LongestPattern, 1L << BitOperations.TrailingZeroCount(byteOffset | count));
        byte* pattern = stackalloc byte[LongestPattern];
        Unsafe.InitBlockUnaligned(pattern, value, LongestPattern);
        int code = OpenClApi.EnqueueFillBuffer(
            device.Queue, Handle, pattern, (nuint)patternSize, (nuint)byteOffset, (nuint)count, 0, null, null);
        Check(code, "clEnqueueFillBuffer");
    }

    private protected override void CopyBytes(DeviceBuffer source, long sourceOffset, long targetOffset, long count)
    {
        int code = OpenClApi.EnqueueCopyBuffer(
            device.Queue, ((OpenClBuffer)source).Handle, Handle, (nuint)sourceOffset, (nuint)targetOffset, (nuint)count, 0, null, null);
        Check(code, "clEnqueueCopyBuffer");
    }

    private protected override void Release()
    {
        if (Handle == 0)
        {
            return;
        }

        // Commands in the queue keep the memory until they have run.
        int code = OpenClApi.ReleaseMemObject(Handle);
        Handle = 0;
        Check(code, "clReleaseMemObject");
    }

    /// <summary>Throws when a call of this buffer failed.</summary>
    public void Check(int code, string call)
    {
        if (code == OpenClError.MemObjectAllocationFailure)
        {
            // Drivers may take the memory only when the buffer is first used.
            throw OutOfMemory(device, Bytes, Owner);
        }

        if (code != OpenClError.Success)
        {
            throw OpenClError.Failure(code, call, device, $"The buffer holds {Bytes:N0} bytes of {Owner}.");
        }
    }
}
