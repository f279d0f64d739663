using System.Text;
using Engine.Devices.Ilgpu;
using Engine.Devices.Programs;

namespace Engine.Devices.Cuda;

/// <summary>One device's modules. The driver assembles them of PTX, and keeps the machine code in a cache of its own.</summary>
internal sealed unsafe class CudaPrograms
{
    private const int JitErrorLog = 5;
    private const int JitErrorLogBytes = 6;

    private readonly CudaDevice device;
    private readonly DevicePrograms modules;

    /// <param name="architecture">Compute capability as one number, 90 for 9.0.</param>
    /// <param name="compile">Makes PTX; null for ILGPU.</param>
    public CudaPrograms(CudaDevice device, int architecture, ProgramCache cache, TextCompiler? compile)
    {
        this.device = device;
        Cache = cache;
        int target = Math.Min(architecture, IlgpuCompiler.NewestArchitecture);
        var texts = new KernelTexts(
            cache, $"PTX sm_{target}", compile ?? ((kernel, variant) => IlgpuCompiler.Ptx(kernel, variant, target)));
        modules = new DevicePrograms(texts, Load, device.ReportCompiling);
    }

    public ProgramCache Cache { get; }

    /// <summary>The loaded <c>CUmodule</c> of a call's variant.</summary>
    public Task<nint> Get(KernelCall call) => modules.Get(call);

    public void Release() => modules.Release(module => device.CheckRelease(CudaApi.ModuleUnload(module), "cuModuleUnload"));

    private nint Load(string text, KernelDefinition kernel)
    {
        const int LogBytes = 16384;
        device.MakeCurrent();
        byte[] image = [.. Encoding.UTF8.GetBytes(text), 0];
        byte* log = stackalloc byte[LogBytes];
        log[0] = 0;
        int* options = stackalloc int[] { JitErrorLog, JitErrorLogBytes };
        void** values = stackalloc void*[] { log, (void*)LogBytes };
        nint module;
        int code;
        fixed (byte* first = image)
        {
            code = CudaApi.ModuleLoadDataEx(&module, first, 2, options, values);
        }

        if (code != CudaError.Success)
        {
            string said = Encoding.UTF8.GetString(
                new ReadOnlySpan<byte>(log, LogBytes)[..new ReadOnlySpan<byte>(log, LogBytes).IndexOf((byte)0)]).Trim();
            throw device.Failure(
                code, "cuModuleLoadDataEx",
                $"The kernel is {kernel.Name} ({kernel.Location}).{(said.Length > 0 ? $" The driver's log:\n{said}" : "")}");
        }

        return module;
    }
}
