using ILGPU.Runtime;

namespace Engine.Devices.Cuda;

/// <summary>Memory of a CUDA card.</summary>
internal sealed unsafe class CudaBuffer : DeviceBuffer, ICudaResource
{
    private readonly CudaDevice device;

    public CudaBuffer(CudaDevice device, long bytes, string owner)
        : base(device, bytes, owner)
    {
        this.device = device;
        device.MakeCurrent();
        if (bytes == 0)
        {
            // The driver has no empty allocations; nothing reads or writes an empty buffer.
            return;
        }

        ulong address;
        int code = device.Blocks.Allocate(&address, (nuint)bytes);
        if (code == CudaError.OutOfMemory)
        {
            throw OutOfMemory(device, bytes, owner);
        }

        if (code != CudaError.Success)
        {
            throw device.Failure(code, "cuMemAlloc", $"{bytes:N0} bytes of {owner} were asked for.");
        }

        Address = address;
        device.Own(this);
    }

    /// <summary>Memory of ILGPU in the device's context.</summary>
    public CudaBuffer(CudaDevice device, nint address, long bytes, string owner, MemoryBuffer lender)
        : base(device, bytes, owner, lender)
    {
        this.device = device;
        Address = (ulong)address;
    }

    /// <summary>The <c>CUdeviceptr</c>; 0 where the buffer is empty.</summary>
    public ulong Address { get; private set; }

    void ICudaResource.Free()
    {
        device.Blocks.Free(Address);
        Address = 0;
    }

    private protected override void WriteBytes(ReadOnlySpan<byte> source, long byteOffset)
    {
        device.MakeCurrent();
        device.Staging.Write(Address + (ulong)byteOffset, source);
    }

    private protected override void ReadBytes(Span<byte> target, long byteOffset)
    {
        device.MakeCurrent();
        fixed (byte* to = target)
        {
            Check(CudaApi.CopyDeviceToHost(to, Address + (ulong)byteOffset, (nuint)target.Length, device.Stream), "cuMemcpyDtoHAsync");
            Check(CudaApi.StreamSynchronize(device.Stream), "cuStreamSynchronize");
        }
    }

    private protected override void FillBytes(byte value, long byteOffset, long count)
    {
        device.MakeCurrent();
        Check(CudaApi.Fill(Address + (ulong)byteOffset, value, (nuint)count, device.Stream), "cuMemsetD8Async");
    }

    private protected override void CopyBytes(DeviceBuffer source, long sourceOffset, long targetOffset, long count)
    {
        device.MakeCurrent();
        ulong from = ((CudaBuffer)source).Address + (ulong)sourceOffset;
        Check(CudaApi.CopyDeviceToDevice(Address + (ulong)targetOffset, from, (nuint)count, device.Stream), "cuMemcpyDtoDAsync");
    }

    private protected override void Release() => device.Free(this);

    private void Check(int code, string call)
    {
        if (code != CudaError.Success)
        {
            throw device.Failure(code, call, $"The buffer holds {Bytes:N0} bytes of {Owner}; a kernel that ran before may be the cause.");
        }
    }
}
