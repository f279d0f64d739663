using Engine.Devices.Native;
using Engine.Devices.Programs;

namespace Engine.Devices.Cuda;

/// <summary>A CUDA card: its primary context, one stream that runs in order.</summary>
public sealed unsafe class CudaDevice : Device
{
    private const uint StreamNonBlocking = 1;

    private readonly CudaPrograms programs;
    private readonly int handle;
    private readonly nint context;
    private bool released;

    private CudaDevice(CudaCandidate candidate, ProgramCache cache, DriverLibrary nvrtc)
        : base(candidate.Info)
    {
        handle = candidate.Handle;
        nint primary;
        CudaError.Check(CudaApi.PrimaryContextRetain(&primary, handle), "cuDevicePrimaryCtxRetain", this);
        context = primary;
        nint stream = 0;
        try
        {
            MakeCurrent();
            CudaError.Check(CudaApi.StreamCreate(&stream, StreamNonBlocking), "cuStreamCreate", this);
        }
        catch
        {
            CudaApi.PrimaryContextRelease(handle);
            throw;
        }

        Stream = stream;
        programs = new CudaPrograms(this, candidate.Architecture, nvrtc, cache);
    }

    /// <summary>The disk cache that this device's programs come from.</summary>
    public ProgramCache Cache => programs.Cache;

    internal nint Stream { get; }

    /// <summary>Opens a device that <see cref="CudaPlatform"/> found.</summary>
    internal static CudaDevice Open(CudaCandidate candidate, ProgramCache? cache = null) =>
        new(candidate, cache ?? ProgramCache.Default, NvrtcApi.Library);

    /// <summary>The driver keeps one current context a thread; every entry sets it, as callers may come on any thread.</summary>
    internal void MakeCurrent() => CudaError.Check(CudaApi.SetCurrentContext(context), "cuCtxSetCurrent", Id);

    internal bool MakeCurrentUnlessDisposed()
    {
        if (!released)
        {
            MakeCurrent();
        }

        return !released;
    }

    private protected override DeviceBuffer AllocateCore(long bytes, string owner) => new CudaBuffer(this, bytes, owner);

    private protected override Launch BindCore(KernelCall call)
    {
        MakeCurrent();
        return new CudaLaunch(this, programs.Get(call), call);
    }

    private protected override void SynchronizeCore()
    {
        MakeCurrent();
        CudaError.Check(
            CudaApi.StreamSynchronize(Stream), "cuStreamSynchronize", this, "A kernel that was enqueued earlier may be the cause.");
    }

    private protected override void Release()
    {
        MakeCurrent();
        CudaApi.StreamSynchronize(Stream);
        programs.Dispose();
        CudaApi.StreamDestroy(Stream);
        released = true;
        CudaApi.PrimaryContextRelease(handle);
    }
}
