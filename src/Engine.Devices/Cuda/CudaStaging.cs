namespace Engine.Devices.Cuda;

/// <summary>
/// Page-locked host memory through which writes reach the card: the caller's memory is free at once, and the copy runs in stream order
/// without anyone waiting for the kernels before it. A step's few writes are small; weights stream through piece by piece.
/// </summary>
internal sealed unsafe class CudaStaging
{
    private const int Slots = 16;
    private const int SlotBytes = 256 << 10;
    private const uint WithoutTiming = 2;

    private readonly CudaDevice device;

    /// <summary>For each slot what the stream reaches when it has been copied.</summary>
    private readonly nint[] copied = new nint[Slots];
    private readonly byte* memory;
    private int next;

    public CudaStaging(CudaDevice device)
    {
        this.device = device;
        void* block;
        device.Check(CudaApi.HostAllocate(&block, Slots * SlotBytes, 0), "cuMemHostAlloc");
        memory = (byte*)block;
        try
        {
            for (int i = 0; i < Slots; i++)
            {
                nint created;
                device.Check(CudaApi.EventCreate(&created, WithoutTiming), "cuEventCreate");
                copied[i] = created;
            }
        }
        catch
        {
            Release();
            throw;
        }
    }

    /// <summary>Copies host memory to the card in stream order; the host memory may be reused when the call returns.</summary>
    public void Write(ulong target, ReadOnlySpan<byte> source)
    {
        while (source.Length > 0)
        {
            int count = Math.Min(source.Length, SlotBytes);
            byte* slot = memory + (next * SlotBytes);
            device.Check(CudaApi.EventSynchronize(copied[next]), "cuEventSynchronize");
            source[..count].CopyTo(new Span<byte>(slot, count));
            device.Check(CudaApi.CopyHostToDevice(target, slot, (nuint)count, device.Stream), "cuMemcpyHtoDAsync");
            device.Check(CudaApi.EventRecord(copied[next], device.Stream), "cuEventRecord");
            next = (next + 1) % Slots;
            source = source[count..];
            target += (ulong)count;
        }
    }

    public void Release()
    {
        foreach (nint slot in copied)
        {
            if (slot != 0)
            {
                device.CheckRelease(CudaApi.EventDestroy(slot), "cuEventDestroy");
            }
        }

        device.CheckRelease(CudaApi.HostFree(memory), "cuMemFreeHost");
    }
}
