namespace Engine.Devices.OpenCl;

/// <summary>
/// Page-locked host memory through which writes reach the device, as <see cref="Cuda.CudaStaging"/>: the caller's memory is free at once, and nobody waits for the kernels before it. Drivers lock the
/// pages of a buffer that they allocate on the host; it stays mapped.
/// </summary>
internal sealed unsafe class OpenClStaging
{
    private const int Slots = 16;
    private const int SlotBytes = 256 << 10;

    private readonly OpenClDevice device;

    /// <summary>For each slot what is complete when it has been copied; 0 before its first use.</summary>
    private readonly nint[] copied = new nint[Slots];
    private readonly nint buffer;
    private readonly byte* memory;
    private int next;

    public OpenClStaging(OpenClDevice device)
    {
        this.device = device;
        int code;
        buffer = OpenClApi.CreateBuffer(device.Context, OpenClApi.MemoryReadWrite | OpenClApi.MemoryAllocateHostPointer, Slots * SlotBytes, null, &code);
        OpenClError.Check(code, "clCreateBuffer", device, $"{Slots * SlotBytes:N0} bytes of page-locked host memory were asked for.");
        memory = (byte*)OpenClApi.EnqueueMapBuffer(device.Queue, buffer, OpenClApi.True, OpenClApi.MapWrite, 0, Slots * SlotBytes, 0, null, null, &code);
        if (code != OpenClError.Success)
        {
            OpenClApi.ReleaseMemObject(buffer);
        }

        OpenClError.Check(code, "clEnqueueMapBuffer", device);
    }

    /// <summary>Copies host memory to a buffer in the queue's order; the host memory may be reused when the call returns.</summary>
    /// <returns>The driver's code, of the first call that failed.</returns>
    public int Write(nint target, ReadOnlySpan<byte> source, long byteOffset)
    {
        while (source.Length > 0)
        {
            int count = Math.Min(source.Length, SlotBytes);
            byte* slot = memory + (next * SlotBytes);
            int code = Wait(next);
            if (code != OpenClError.Success)
            {
                return code;
            }

            source[..count].CopyTo(new Span<byte>(slot, count));
            nint done;
            code = OpenClApi.EnqueueWriteBuffer(device.Queue, target, OpenClApi.False, (nuint)byteOffset, (nuint)count, slot, 0, null, &done);
            if (code != OpenClError.Success)
            {
                return code;
            }

            copied[next] = done;
            next = (next + 1) % Slots;
            source = source[count..];
            byteOffset += count;
        }

        return OpenClError.Success;
    }

    /// <summary>Frees it; the queue is empty.</summary>
    public void Release()
    {
        for (int i = 0; i < Slots; i++)
        {
            Wait(i);
        }

        OpenClApi.EnqueueUnmapMemObject(device.Queue, buffer, memory, 0, null, null);
        OpenClApi.Finish(device.Queue);
        OpenClApi.ReleaseMemObject(buffer);
    }

    /// <summary>Waits until a slot has been copied.</summary>
    private int Wait(int slot)
    {
        nint done = copied[slot];
        if (done == 0)
        {
            return OpenClError.Success;
        }

        copied[slot] = 0;
        int code = OpenClApi.WaitForEvents(1, &done);
        OpenClApi.ReleaseEvent(done);
        return code;
    }
}
