namespace Engine.Devices.OpenCl;

/// <summary>
/// Page-locked host memory through which writes reach the device, as <see cref="Cuda.CudaStaging"/>: the caller's memory is free at once,
/// and nobody waits for the kernels before it while there is room. Drivers lock the pages of a buffer that they allocate on the host; it
/// stays mapped.
/// </summary>
internal sealed unsafe class OpenClStaging
{
    private const int Slots = 16;
    private const int SlotBytes = 256 << 10;
    private const uint EventCommandExecutionStatus = 0x11D3;

    private readonly OpenClDevice device;

    /// <summary>For each slot the copy that was last made from it.</summary>
    private readonly Copy[] copies = new Copy[Slots];
    private readonly nint buffer;
    private readonly byte* memory;
    private int next;

    public OpenClStaging(OpenClDevice device)
    {
        this.device = device;
        int code;
        buffer = OpenClApi.CreateBuffer(
            device.Context, OpenClApi.MemoryReadWrite | OpenClApi.MemoryAllocateHostPointer, Slots * SlotBytes, null, &code);
        OpenClError.Check(code, "clCreateBuffer", device, $"{Slots * SlotBytes:N0} bytes of page-locked host memory were asked for.");
        memory = (byte*)OpenClApi.EnqueueMapBuffer(
            device.Queue, buffer, OpenClApi.True, OpenClApi.MapWrite, 0, Slots * SlotBytes, 0, null, null, &code);
        if (code != OpenClError.Success)
        {
            OpenClApi.ReleaseMemObject(buffer);
        }

        OpenClError.Check(code, "clEnqueueMapBuffer", device);
    }

    /// <summary>Copies host memory to a buffer in the queue's order; the host memory may be reused when the call returns.</summary>
    public void Write(OpenClBuffer target, ReadOnlySpan<byte> source, long byteOffset)
    {
        while (source.Length > 0)
        {
            int count = Math.Min(source.Length, SlotBytes);
            byte* slot = memory + (next * SlotBytes);
            Settle(next);
            source[..count].CopyTo(new Span<byte>(slot, count));
            nint done;
            target.Check(
                OpenClApi.EnqueueWriteBuffer(
                    device.Queue, target.Handle, OpenClApi.False, (nuint)byteOffset, (nuint)count, slot, 0, null, &done),
                        "clEnqueueWriteBuffer");
            copies[next] = new Copy(done, target);
            next = (next + 1) % Slots;
            source = source[count..];
            byteOffset += count;
        }
    }

    /// <summary>Waits for every copy.</summary>
    /// <exception cref="DeviceException">One failed.</exception>
    public void Settle()
    {
        for (int slot = 0; slot < Slots; slot++)
        {
            Settle(slot);
        }
    }

    /// <summary>Frees it; the queue is empty.</summary>
    public void Release()
    {
        foreach (Copy copy in copies.Where(copy => copy.Done != 0))
        {
            OpenClApi.ReleaseEvent(copy.Done);
        }

        OpenClApi.EnqueueUnmapMemObject(device.Queue, buffer, memory, 0, null, null);
        OpenClApi.Finish(device.Queue);
        OpenClApi.ReleaseMemObject(buffer);
    }

    /// <summary>Waits until a slot has been copied.</summary>
    private void Settle(int slot)
    {
        (nint done, OpenClBuffer? target) = copies[slot];
        if (done == 0)
        {
            return;
        }

        copies[slot] = default;
        int code = OpenClApi.WaitForEvents(1, &done);
        int status;
        if (code != OpenClError.Success
            && OpenClApi.GetEventInfo(done, EventCommandExecutionStatus, sizeof(int), &status, null) == OpenClError.Success && status < 0)
        {
            code = status;
        }

        OpenClApi.ReleaseEvent(done);
        target!.Check(code, "clEnqueueWriteBuffer");
    }

    /// <param name="Done">The <c>cl_event</c> of the copy; 0 where there is none.</param>
    private readonly record struct Copy(nint Done, OpenClBuffer? Target);
}
