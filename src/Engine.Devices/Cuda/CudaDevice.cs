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

/// <summary>A CUDA card: its primary context, or one that ILGPU made; one stream that runs in order, memory of its own.</summary>
internal sealed unsafe class CudaDevice : Device
{
    /// <summary>In order with the context's default stream, where ILGPU's work is by default.</summary>
    private const uint StreamBlocking = 0;

    private const uint StreamNonBlocking = 1;

    private readonly CudaPrograms programs;
    private readonly HashSet<ICudaResource> resources = [];
    private readonly int card;
    private readonly nint context;
    private readonly bool ownsContext;

    private readonly nint stream;

    /// <summary>
    /// Recordings are captured from it: while one in order with the default stream captures, CUDA refuses what other threads give to the
    /// default stream.
    /// </summary>
    private readonly nint captureStream;
    private readonly CudaMemory? blocks;
    private readonly CudaStaging? staging;
    private CublasLtHandle? products;

    /// <summary>Why the context is lost; null while it is not.</summary>
    private string? fault;

    /// <param name="lent">The <c>CUcontext</c> of somebody else; 0 for the primary one.</param>
    private CudaDevice(CudaCandidate candidate, DeviceInfo info, nint lent, ProgramCache cache, TextCompiler? compile)
        : base(info)
    {
        card = candidate.Handle;
        programs = new CudaPrograms(this, candidate.Architecture, cache, compile);
        nint created = lent;
        ownsContext = lent == 0;
        if (ownsContext)
        {
            Check(CudaApi.PrimaryContextRetain(&created, card), "cuDevicePrimaryCtxRetain");
        }

        context = created;
        try
        {
            MakeCurrent();
            Check(CudaApi.StreamCreate(&created, StreamNonBlocking), "cuStreamCreate");
            captureStream = created;
            if (!ownsContext)
            {
                Check(CudaApi.StreamCreate(&created, StreamBlocking), "cuStreamCreate");
            }

            stream = created;
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

    /// <summary>Where work is put.</summary>
    internal nint Stream => Capturing ? captureStream : stream;

    /// <summary>Whether a recording is being captured: work is put on the stream for that, and does not run.</summary>
    internal bool Capturing { get; set; }

    internal CudaMemory Blocks => blocks!;

    internal CudaStaging Staging => staging!;

    /// <summary>What computes products in place of Engine's kernels; null where these do.</summary>
    internal CublasLtHandle? Products => products;

    public override DeviceOptions Options =>
        new() { Products = products is null ? ProductLibrary.Own : ProductLibrary.Vendor, Tf32 = products is { Tf32: true } };

    /// <summary>Opens a device that <see cref="CudaPlatform"/> found.</summary>
    /// <param name="candidate">The card.</param>
    /// <param name="options">How; null: <see cref="DeviceOptions"/> as it is.</param>
    /// <param name="cache">Where programs are kept; null: the user's.</param>
    /// <param name="compile">Makes PTX; null for ILGPU.</param>
    /// <exception cref="DeviceException">The card, or the library that was asked for, cannot be used.</exception>
    internal static CudaDevice Open(
        CudaCandidate candidate, DeviceOptions? options = null, ProgramCache? cache = null, TextCompiler? compile = null) =>
        Open(candidate, 0, options, cache, compile);

    /// <summary>Opens the device of a context of somebody else, who keeps it until the device is disposed.</summary>
    /// <param name="context">The <c>CUcontext</c>.</param>
    /// <param name="options">As of <see cref="Open(CudaCandidate, DeviceOptions?, ProgramCache?, TextCompiler?)"/>.</param>
    /// <param name="cache">Where programs are kept; null: the user's.</param>
    /// <param name="compile">Makes PTX; null for ILGPU.</param>
    internal static CudaDevice OpenOn(nint context, DeviceOptions? options = null, ProgramCache? cache = null, TextCompiler? compile = null)
    {
        const string Where = "The CUDA context that a device is opened on";
        List<CudaCandidate> cards = CudaPlatform.Find(CudaApi.Library);
        CudaError.Check(CudaApi.SetCurrentContext(context), "cuCtxSetCurrent", Where);
        int handle;
        CudaError.Check(CudaApi.CurrentContextDevice(&handle), "cuCtxGetDevice", Where);
        int card = handle;
        CudaCandidate candidate = cards.Find(candidate => candidate.Handle == card)
            ?? throw new DeviceException($"{Where} is of a card that the driver does not list; check CUDA_VISIBLE_DEVICES.");
        return Open(candidate, context, options, cache, compile);
    }

    /// <summary>The driver keeps one current context a thread; every entry sets it, as callers may come on any thread.</summary>
    /// <exception cref="DeviceLostException">The context is lost.</exception>
    internal void MakeCurrent()
    {
        if (fault is not null)
        {
            throw new DeviceLostException($"{this} takes no more work: it was lost earlier. {fault}");
        }

        // ILGPU notes for each thread what it made current.
        Accelerator?.Bind();
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

    private protected override Recording RecordCore(IReadOnlyList<Launch> launches, DeviceBuffer[] buffers) =>
        new CudaRecording(this, launches, buffers);

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

    private static CudaDevice Open(CudaCandidate candidate, nint lent, DeviceOptions? options, ProgramCache? cache, TextCompiler? compile)
    {
        options ??= new DeviceOptions();
        DeviceInfo info = CudaProducts.Choose(candidate, options, CublasLtFolders.OfProcess(), out ProductLibrary chosen);
        var device = new CudaDevice(candidate, info, lent, cache ?? ProgramCache.Default, compile);
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

    private void MakeCurrentForRelease()
    {
        Accelerator?.Bind();
        CheckRelease(CudaApi.SetCurrentContext(context), "cuCtxSetCurrent");
    }

    private void ReleaseContext()
    {
        staging?.Release();
        blocks?.Release();
        foreach (nint made in new HashSet<nint> { stream, captureStream }.Where(made => made != 0))
        {
            CheckRelease(CudaApi.StreamDestroy(made), "cuStreamDestroy");
        }

        if (ownsContext)
        {
            CheckRelease(CudaApi.PrimaryContextRelease(card), "cuDevicePrimaryCtxRelease");
        }
    }

    private void Lose(string message) =>
        fault ??= $"{message} The driver gives this process no other context on the card: start the program again.";
}
