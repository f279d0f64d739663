using System.Text;
using Engine.Devices.Ilgpu;
using Engine.Devices.Programs;

namespace Engine.Devices.Cuda;

/// <summary>One device's modules: in memory, else of PTX from the disk cache or fresh from ILGPU. The driver assembles it, and keeps the machine code in a cache of its own.</summary>
internal sealed unsafe class CudaPrograms : IDisposable
{
    private const int JitErrorLog = 5;
    private const int JitErrorLogBytes = 6;

    private readonly CudaDevice device;
    private readonly KernelTexts texts;
    private readonly Dictionary<ProgramKey, nint> modules = [];

    /// <param name="architecture">Compute capability as one number, 90 for 9.0.</param>
    /// <param name="compile">Makes PTX; null for ILGPU.</param>
    public CudaPrograms(CudaDevice device, int architecture, ProgramCache cache, TextCompiler? compile)
    {
        this.device = device;
        Cache = cache;
        int target = Math.Min(architecture, IlgpuCompiler.NewestArchitecture);
        texts = new KernelTexts(cache, $"PTX sm_{target}", compile ?? ((kernel, variant) => IlgpuCompiler.Ptx(kernel, variant, target)));
    }

    public ProgramCache Cache { get; }

    /// <summary>The loaded <c>CUmodule</c> of a call's variant.</summary>
    public nint Get(KernelCall call)
    {
        ProgramKey key = texts.Key(call);
        if (!modules.TryGetValue(key, out nint module))
        {
            module = Load(texts.Get(key, call), call.Definition);
            modules.Add(key, module);
        }

        return module;
    }

    public void Dispose()
    {
        foreach (nint module in modules.Values)
        {
            device.CheckRelease(CudaApi.ModuleUnload(module), "cuModuleUnload");
        }

        modules.Clear();
    }

    private nint Load(string text, KernelDefinition kernel)
    {
        const int LogBytes = 16384;
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
            string said = Encoding.UTF8.GetString(new ReadOnlySpan<byte>(log, LogBytes)[..new ReadOnlySpan<byte>(log, LogBytes).IndexOf((byte)0)]).Trim();
            throw device.Failure(code, "cuModuleLoadDataEx", $"The kernel is {kernel.Name} ({kernel.Location}).{(said.Length > 0 ? $" The driver's log:\n{said}" : "")}");
        }

        return module;
    }
}
