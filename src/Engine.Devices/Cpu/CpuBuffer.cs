using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using ILGPU.Runtime;

namespace Engine.Devices.Cpu;

/// <summary>Host memory that stays where it is, aligned to <see cref="Device.Alignment"/> bytes where it is the device's own.</summary>
internal sealed unsafe class CpuBuffer : DeviceBuffer
{
    public CpuBuffer(CpuDevice device, long bytes, string owner)
        : base(device, bytes, owner)
    {
        try
        {
            Address = (byte*)NativeMemory.AlignedAlloc((nuint)Math.Max(bytes, 1), Devices.Device.Alignment);
        }
        catch (OutOfMemoryException)
        {
            throw OutOfMemory(device, bytes, owner);
        }
    }

    /// <summary>Memory of ILGPU's CPU accelerator.</summary>
    public CpuBuffer(CpuDevice device, nint address, long bytes, string owner, MemoryBuffer lender)
        : base(device, bytes, owner, lender) => Address = (byte*)address;

    public byte* Address { get; private set; }

    /// <remarks>By the C library, at once; .NET's own filling is compiled when it is first called, without optimisation.</remarks>
    private protected override void FillBytes(byte value, long byteOffset, long count)
    {
        for (long done = 0; done < count;)
        {
            uint part = (uint)Math.Min(count - done, int.MaxValue);
            Unsafe.InitBlockUnaligned(Address + byteOffset + done, value, part);
            done += part;
        }
    }

    private protected override void CopyBytes(DeviceBuffer source, long sourceOffset, long targetOffset, long count) =>
        NativeMemory.Copy(((CpuBuffer)source).Address + sourceOffset, Address + targetOffset, (nuint)count);

    private protected override void WriteBytes(ReadOnlySpan<byte> source, long byteOffset)
    {
        fixed (byte* from = source)
        {
            NativeMemory.Copy(from, Address + byteOffset, (nuint)source.Length);
        }
    }

    private protected override void ReadBytes(Span<byte> target, long byteOffset)
    {
        fixed (byte* to = target)
        {
            NativeMemory.Copy(Address + byteOffset, to, (nuint)target.Length);
        }
    }

    private protected override void Release()
    {
        if (Lender is null)
        {
            NativeMemory.AlignedFree(Address);
        }

        Address = null;
    }
}
