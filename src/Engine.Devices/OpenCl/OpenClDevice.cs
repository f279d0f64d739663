using Engine.Devices.Ilgpu;
using Engine.Devices.Programs;

namespace Engine.Devices.OpenCl;

/// <summary>An OpenCL device: a context that its openings share, one queue that runs in order; or those of ILGPU.</summary>
internal sealed unsafe class OpenClDevice : Device
{
    private const nint ContextPlatform = 0x1084;

    /// <summary>
    /// The context of each <c>cl_device_id</c> that was opened, kept while the process lives: a driver's compiler may read its library
    /// for each context anew (PoCL: a second), and whoever opens a device again, as tests and services do, would wait for that again.
    /// </summary>
    private static readonly Dictionary<nint, nint> contexts = [];

    private readonly OpenClPrograms programs;
    private OpenClStaging? staging;

    /// <param name="lent">The <c>cl_context</c> and the <c>cl_command_queue</c> of somebody else; null for own ones.</param>
    private OpenClDevice(OpenClCandidate candidate, (nint Context, nint Queue)? lent, ProgramCache cache, TextCompiler compile)
        : base(candidate.Info)
    {
        Handle = candidate.Handle;
        (Context, Queue) = lent is { } handles ? Retain(handles.Context, handles.Queue) : Create(candidate);
        programs = new OpenClPrograms(this, cache, compile);
    }

    /// <summary>The disk cache that this device's programs come from.</summary>
    public ProgramCache Cache => programs.Cache;

    internal nint Handle { get; }

    internal nint Context { get; }

    internal nint Queue { get; }

    /// <summary>Made at the first write: a device that is only asked what it is needs none.</summary>
    internal OpenClStaging Staging => staging ??= new OpenClStaging(this);

    /// <summary>Opens a device that <see cref="OpenClPlatforms"/> found.</summary>
    /// <param name="compile">Makes OpenCL C; null for ILGPU.</param>
    internal static OpenClDevice Open(OpenClCandidate candidate, ProgramCache? cache = null, TextCompiler? compile = null) =>
        new(candidate, null, cache ?? ProgramCache.Default, compile ?? IlgpuCompiler.OpenCl);

    /// <summary>Opens a device on the context and queue of somebody else: work of both is in one order. Both are retained.</summary>
    /// <param name="handle">The <c>cl_device_id</c>.</param>
    /// <param name="context">The <c>cl_context</c>.</param>
    /// <param name="queue">The <c>cl_command_queue</c>, which runs in order.</param>
    /// <param name="compile">Makes OpenCL C; null for ILGPU.</param>
    /// <exception cref="DeviceException">The device is not one that <see cref="OpenClPlatforms"/> finds.</exception>
    internal static OpenClDevice OpenOn(nint handle, nint context, nint queue, ProgramCache? cache = null, TextCompiler? compile = null)
    {
        OpenClCandidate candidate = OpenClPlatforms.Find(OpenClApi.Library, out List<string> problems)
            .Find(candidate => candidate.Handle == handle)
            ?? throw new DeviceException($"The OpenCL device of the context cannot be used. {string.Join(" ", problems)}");
        return new OpenClDevice(candidate, (context, queue), cache ?? ProgramCache.Default, compile ?? IlgpuCompiler.OpenCl);
    }

    /// <summary>What its driver builds programs with.</summary>
    internal string BuildOptions => programs.Options;

    private protected override DeviceBuffer AllocateCore(long bytes, string owner) => new OpenClBuffer(this, bytes, owner);

    private protected override Launch BindCore(KernelCall call) => new OpenClLaunch(this, programs.Get(call), call);

    /// <summary>Reports writes that failed.</summary>
    internal void SettleWrites() => staging?.Settle();

    private protected override void SynchronizeCore()
    {
        OpenClError.Check(OpenClApi.Finish(Queue), "clFinish", this, "A kernel that was enqueued earlier may be the cause.");
        SettleWrites();
    }

    private protected override void Release()
    {
        // Buffers and kernels hold the context themselves, so they may be released after it.
        OpenClApi.Finish(Queue);
        staging?.Release();
        programs.Release();
        OpenClApi.ReleaseCommandQueue(Queue);
        OpenClApi.ReleaseContext(Context);
    }

    private (nint Context, nint Queue) Create(OpenClCandidate candidate)
    {
        nint context = SharedContext(candidate);
        int code;
        nint queue = OpenClApi.CreateCommandQueue(context, candidate.Handle, 0, &code);
        if (code != OpenClError.Success)
        {
            OpenClApi.ReleaseContext(context);
        }

        OpenClError.Check(code, "clCreateCommandQueue", this);
        return (context, queue);
    }

    /// <summary>The device's context, retained for this opening.</summary>
    private nint SharedContext(OpenClCandidate candidate)
    {
        lock (contexts)
        {
            if (!contexts.TryGetValue(candidate.Handle, out nint context))
            {
                int code;
                nint handle = candidate.Handle;
                nint* properties = stackalloc nint[] { ContextPlatform, candidate.Platform, 0 };
                context = OpenClApi.CreateContext(properties, 1, &handle, 0, 0, &code);
                OpenClError.Check(code, "clCreateContext", this);
                contexts.Add(handle, context);
            }

            OpenClError.Check(OpenClApi.RetainContext(context), "clRetainContext", this);
            return context;
        }
    }

    private (nint Context, nint Queue) Retain(nint context, nint queue)
    {
        OpenClError.Check(OpenClApi.RetainContext(context), "clRetainContext", this);
        int code = OpenClApi.RetainCommandQueue(queue);
        if (code != OpenClError.Success)
        {
            OpenClApi.ReleaseContext(context);
        }

        OpenClError.Check(code, "clRetainCommandQueue", this);
        return (context, queue);
    }
}
