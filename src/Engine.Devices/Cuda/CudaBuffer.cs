namespace Engine.Devices.Cuda;

/// <summary>Memory of a CUDA card.</summary>
internal sealed unsafe class CudaBuffer : DeviceBuffer
{
    private readonly CudaDevice device;

    public CudaBuffer(CudaDevice device, long bytes, string owner)
        : base(device, bytes, owner)
    {
        this.device = device;
        device.MakeCurrent();
        ulong address;

        // The driver has no empty allocations.
        int code = CudaApi.MemoryAllocate(&address, (nuint)Math.Max(bytes, 1));
        if (code == CudaError.OutOfMemory)
        {
            throw OutOfMemory(device, bytes, owner);
        }

        CudaError.Check(code, "cuMemAlloc", device, $"{bytes:N0} bytes of {owner} were asked for.");
        Address = address;
    }

    /// <summary>The <c>CUdeviceptr</c>.</summary>
    public ulong Address { get; private set; }

    private protected override void WriteBytes(ReadOnlySpan<byte> source, long byteOffset)
    {
        device.MakeCurrent();
        fixed (byte* from = source)
        {
            Check(CudaApi.CopyHostToDevice(Address + (ulong)byteOffset, from, (nuint)source.Length, device.Stream), "cuMemcpyHtoDAsync");
            Check(CudaApi.StreamSynchronize(device.Stream), "cuStreamSynchronize");
        }
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

    private protected override void Release()
    {
        // The device releases the memory of buffers that outlive it together with its context.
        if (device.MakeCurrentUnlessDisposed())
        {
            // cuMemFree waits for the work that uses the memory.
            Check(CudaApi.MemoryFree(Address), "cuMemFree");
        }

        Address = 0;
    }

    private void Check(int code, string call)
    {
        if (code != CudaError.Success)
        {
            throw CudaError.Failure(
                code, call, device, $"The buffer holds {Bytes:N0} bytes of {Owner}; a kernel that ran before may be the cause.");
        }
    }
}
