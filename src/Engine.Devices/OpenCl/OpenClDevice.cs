using Engine.Devices.Ilgpu;
using Engine.Devices.Programs;

namespace Engine.Devices.OpenCl;

/// <summary>An OpenCL device: one context, one queue that runs in order.</summary>
public sealed unsafe class OpenClDevice : Device
{
    private const nint ContextPlatform = 0x1084;

    private readonly OpenClPrograms programs;
    private OpenClStaging? staging;

    private OpenClDevice(OpenClCandidate candidate, ProgramCache cache, TextCompiler compile)
        : base(candidate.Info)
    {
        Handle = candidate.Handle;
        int code;
        nint handle = candidate.Handle;
        nint* properties = stackalloc nint[] { ContextPlatform, candidate.Platform, 0 };
        Context = OpenClApi.CreateContext(properties, 1, &handle, 0, 0, &code);
        OpenClError.Check(code, "clCreateContext", this);
        Queue = OpenClApi.CreateCommandQueue(Context, handle, 0, &code);
        if (code != OpenClError.Success)
        {
            OpenClApi.ReleaseContext(Context);
        }

        OpenClError.Check(code, "clCreateCommandQueue", this);
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
        new(candidate, cache ?? ProgramCache.Default, compile ?? IlgpuCompiler.OpenCl);

    /// <summary>What its driver builds programs with.</summary>
    internal string BuildOptions => programs.Options;

    private protected override DeviceBuffer AllocateCore(long bytes, string owner) => new OpenClBuffer(this, bytes, owner);

    private protected override Launch BindCore(KernelCall call) => new OpenClLaunch(this, programs.Get(call), call);

    private protected override void SynchronizeCore() => OpenClError.Check(
        OpenClApi.Finish(Queue), "clFinish", this, "A kernel that was enqueued earlier may be the cause.");

    private protected override void Release()
    {
        // Buffers and kernels hold the context themselves, so they may be released after it.
        OpenClApi.Finish(Queue);
        staging?.Release();
        programs.Release();
        OpenClApi.ReleaseCommandQueue(Queue);
        OpenClApi.ReleaseContext(Context);
    }
}
