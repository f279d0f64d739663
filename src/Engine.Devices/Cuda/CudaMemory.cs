namespace Engine.Devices.Cuda;

/// <summary>
/// A card's memory: blocks of a pool of the device's own, taken and returned in stream order, where the driver has pools for the card; else
/// blocks that the driver makes and frees one by one.
/// </summary>
internal sealed unsafe class CudaMemory
{
    private const int ReleaseThreshold = 4;

    private readonly CudaDevice device;
    private readonly nint pool;

    public CudaMemory(CudaDevice device, int card, bool pooled)
    {
        this.device = device;
        if (!pooled)
        {
            return;
        }

        var properties = new CudaPoolProperties { AllocationType = 1, LocationType = 1, Location = card };
        nint created;
        device.Check(CudaApi.PoolCreate(&created, &properties), "cuMemPoolCreate");
        pool = created;

        // Returned blocks stay in the pool, where the driver would give them back at every synchronisation.
        ulong all = ulong.MaxValue;
        int code = CudaApi.PoolSetAttribute(pool, ReleaseThreshold, &all);
        if (code != CudaError.Success)
        {
            CudaApi.PoolDestroy(pool);
        }

        device.Check(code, "cuMemPoolSetAttribute");
    }

    /// <summary>Takes a block of at least one byte; gives the driver's code.</summary>
    public int Allocate(ulong* address, nuint bytes)
    {
        int code = Take(address, bytes);
        if (code != CudaError.OutOfMemory || pool == 0)
        {
            return code;
        }

        // Blocks that were returned to the pool may hold what is missing.
        device.Check(CudaApi.StreamSynchronize(device.Stream), "cuStreamSynchronize");
        device.Check(CudaApi.PoolTrim(pool, 0), "cuMemPoolTrimTo");
        return Take(address, bytes);
    }

    /// <summary>Returns a block, once the work enqueued before has run.</summary>
    public void Free(ulong address)
    {
        if (pool == 0)
        {
            // This call waits for the work by itself.
            device.CheckRelease(CudaApi.MemoryFree(address), "cuMemFree");
        }
        else
        {
            device.CheckRelease(CudaApi.MemoryFreeInOrder(address, device.Stream), "cuMemFreeAsync");
        }
    }

    /// <summary>Gives the pool back; every block is returned by then.</summary>
    public void Release()
    {
        if (pool != 0)
        {
            device.CheckRelease(CudaApi.PoolDestroy(pool), "cuMemPoolDestroy");
        }
    }

    private int Take(ulong* address, nuint bytes) =>
        pool == 0 ? CudaApi.MemoryAllocate(address, bytes) : CudaApi.MemoryAllocateFromPool(address, bytes, pool, device.Stream);
}
