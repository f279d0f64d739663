using Engine.Devices.Cuda.CublasLt;
using Engine.Devices.Ilgpu;
using Engine.Devices.Programs;

namespace Engine.Devices.Cuda;

/// <summary>What the driver holds for an object that may outlive its device; the device frees what is left.</summary>
internal interface ICudaResource
{
    /// <summary>Frees it. The device's context is current, or lost.</summary>
    void Free();
}

/// <summary>A CUDA card: its primary context, one stream that runs in order, memory of its own.</summary>
public sealed unsafe class CudaDevice : Device
{
    private const uint StreamNonBlocking = 1;

    private readonly CudaPrograms programs;
    private readonly HashSet<ICudaResource> resources = [];
    private readonly int card;
    private readonly nint context;
    private readonly CudaMemory? blocks;
    private readonly CudaStaging? staging;
    private CublasLtHandle? products;

    /// <summary>Why the context is lost; null while it is not.</summary>
    private string? fault;

    private CudaDevice(CudaCandidate candidate, DeviceInfo info, ProgramCache cache, TextCompiler? compile)
        : base(info)
    {
        card = candidate.Handle;
        programs = new CudaPrograms(this, candidate.Architecture, cache, compile);
        nint created;
        Check(CudaApi.PrimaryContextRetain(&created, card), "cuDevicePrimaryCtxRetain");
        context = created;
        try
        {
            MakeCurrent();
            Check(CudaApi.StreamCreate(&created, StreamNonBlocking), "cuStreamCreate");
            Stream = created;
            blocks = new CudaMemory(this, card, candidate.HasPools);
            staging = new CudaStaging(this);
        }
        catch
        {
            ReleaseContext();
            throw;
        }
    }

    /// <summary>The disk cache that this device's programs come from.</summary>
    public ProgramCache Cache => programs.Cache;

    internal nint Stream { get; }

    internal CudaMemory Blocks => blocks!;

    internal CudaStaging Staging => staging!;

    /// <summary>What computes products in place of Engine's kernels; null where these do.</summary>
    internal CublasLtHandle? Products => products;

    public override DeviceOptions Options => new() { Products = products is null ? ProductLibrary.Own : ProductLibrary.Vendor, Tf32 = products is { Tf32: true } };

    /// <summary>Opens a device that <see cref="CudaPlatform"/> found.</summary>
    /// <param name="candidate">The card.</param>
    /// <param name="options">How; null: <see cref="DeviceOptions"/> as it is.</param>
    /// <param name="cache">Where programs are kept; null: the user's.</param>
    /// <param name="compile">Makes PTX; null for ILGPU.</param>
    /// <exception cref="DeviceException">The card, or the library that was asked for, cannot be used.</exception>
    internal static CudaDevice Open(CudaCandidate candidate, DeviceOptions? options = null, ProgramCache? cache = null, TextCompiler? compile = null)
    {
        options ??= new DeviceOptions();
        DeviceInfo info = CudaProducts.Choose(candidate, options, CublasLtFolders.OfProcess(), out ProductLibrary chosen);
        var device = new CudaDevice(candidate, info, cache ?? ProgramCache.Default, compile);
        try
        {
            device.products = chosen == ProductLibrary.Vendor ? new CublasLtHandle(device, candidate.Architecture, options.Tf32) : null;
        }
        catch
        {
            device.Dispose();
            throw;
        }

        return device;
    }

    /// <summary>The driver keeps one current context a thread; every entry sets it, as callers may come on any thread.</summary>
    /// <exception cref="DeviceLostException">The context is lost.</exception>
    internal void MakeCurrent()
    {
        if (fault is not null)
        {
            throw new DeviceLostException($"{this} takes no more work: it was lost earlier. {fault}");
        }

        Check(CudaApi.SetCurrentContext(context), "cuCtxSetCurrent");
    }

    /// <summary>Throws when a call failed. A hint that costs something to write is for <see cref="Failure"/>.</summary>
    internal void Check(int code, string call, string? hint = null)
    {
        if (code != CudaError.Success)
        {
            throw Failure(code, call, hint);
        }
    }

    /// <summary>The error of a call that failed; remembers that the context is lost where the code says so.</summary>
    internal DeviceException Failure(int code, string call, string? hint)
    {
        if (!CudaError.LosesDevice(code))
        {
            return new DeviceException(CudaError.Message(code, call, this, hint));
        }

        Lose(CudaError.Message(code, call, this, hint));
        return new DeviceLostException(fault!);
    }

    /// <summary>As <see cref="Check"/>, for calls that free something: a lost context has freed it already.</summary>
    internal void CheckRelease(int code, string call)
    {
        if (code == CudaError.Success || fault is not null)
        {
            return;
        }

        if (!CudaError.LosesDevice(code))
        {
            throw new DeviceException(CudaError.Message(code, call, this, null));
        }

        Lose(CudaError.Message(code, call, this, "A kernel that was enqueued earlier is the cause."));
    }

    /// <summary>Notes what is to be freed with the device, unless <see cref="Free"/> frees it before.</summary>
    internal void Own(ICudaResource resource) => resources.Add(resource);

    internal void Free(ICudaResource resource)
    {
        if (resources.Remove(resource))
        {
            MakeCurrentForRelease();
            resource.Free();
        }
    }

    private protected override DeviceBuffer AllocateCore(long bytes, string owner) => new CudaBuffer(this, bytes, owner);

    private protected override Launch BindCore(KernelCall call)
    {
        MakeCurrent();
        return new CudaLaunch(this, programs.Get(call), call);
    }

    private protected override Recording RecordCore(IReadOnlyList<Launch> launches, DeviceBuffer[] buffers) => new CudaRecording(this, launches, buffers);

    private protected override void SynchronizeCore()
    {
        MakeCurrent();
        Check(CudaApi.StreamSynchronize(Stream), "cuStreamSynchronize", "A kernel that was enqueued earlier may be the cause.");
    }

    private protected override void Release()
    {
        MakeCurrentForRelease();
        CheckRelease(CudaApi.StreamSynchronize(Stream), "cuStreamSynchronize");
        products?.Dispose();
        foreach (ICudaResource resource in resources)
        {
            resource.Free();
        }

        resources.Clear();
        programs.Release();
        ReleaseContext();
    }

    private void MakeCurrentForRelease() => CheckRelease(CudaApi.SetCurrentContext(context), "cuCtxSetCurrent");

    private void ReleaseContext()
    {
        staging?.Release();
        blocks?.Release();
        if (Stream != 0)
        {
            CheckRelease(CudaApi.StreamDestroy(Stream), "cuStreamDestroy");
        }

        CheckRelease(CudaApi.PrimaryContextRelease(card), "cuDevicePrimaryCtxRelease");
    }

    private void Lose(string message) => fault ??= $"{message} The driver gives this process no other context on the card: start the program again.";
}
