namespace Engine.Devices.Cuda.CublasLt;

/// <summary>cublasLt on one device: its handle, and the scratch memory that products share, as they run one after another.</summary>
internal sealed unsafe class CublasLtHandle : IDisposable
{
    /// <summary>What NVIDIA recommends, from compute capability 9.0 on and before.</summary>
    private const long WorkspaceBytesOfHopper = 32 << 20;
    private const long WorkspaceBytesBefore = 4 << 20;

    private readonly CudaDevice device;
    private readonly CudaBuffer workspace;

    /// <param name="architecture">Compute capability as one number, 90 for 9.0.</param>
    /// <param name="tf32">Whether float32 operands may be rounded to TF32.</param>
    public CublasLtHandle(CudaDevice device, int architecture, bool tf32)
    {
        this.device = device;
        Tf32 = tf32;
        workspace = (CudaBuffer)device.Allocate(architecture >= 90 ? WorkspaceBytesOfHopper : WorkspaceBytesBefore, "cublasLt");
        nint created;
        int status;
        try
        {
            device.MakeCurrent();
            status = CublasLtApi.Create(&created);
            Check(device, status, "cublasLtCreate",
                "Choose Engine's own products, or let ENGINE_CUBLAS name a version that knows this card and its driver.");
        }
        catch
        {
            workspace.Dispose();
            throw;
        }

        Handle = created;
    }

    /// <summary>The <c>cublasLtHandle_t</c>.</summary>
    public nint Handle { get; }

    /// <summary>Whether float32 operands are rounded to TF32.</summary>
    public bool Tf32 { get; }

    public ulong Workspace => workspace.Address;

    public long WorkspaceBytes => workspace.Bytes;

    /// <summary>Throws when a call failed. What a lost context is to blame for, the driver says at its next call.</summary>
    public static void Check(CudaDevice device, int status, string call, string hint)
    {
        if (status != CublasLtApi.Success)
        {
            throw new DeviceException($"{device}: {call} failed with {CublasLtApi.Describe(status)}. {hint}");
        }
    }

    /// <summary>Gives the handle and the memory back; the device's context is current, or lost.</summary>
    public void Dispose()
    {
        // Of a lost context nothing is left to destroy, and the call says so.
        CublasLtApi.Destroy(Handle);
        workspace.Dispose();
    }
}
