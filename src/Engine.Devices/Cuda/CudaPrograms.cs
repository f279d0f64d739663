using Engine.Devices.Native;
using Engine.Devices.Programs;

namespace Engine.Devices.Cuda;

/// <summary>One device's modules: in memory, else from the disk cache, else compiled by NVRTC. A cached program needs no NVRTC.</summary>
internal sealed unsafe class CudaPrograms(CudaDevice device, int architecture, DriverLibrary nvrtc, ProgramCache cache) : IDisposable
{
    /// <summary>No option loosens IEEE arithmetic: results are held against the other devices.</summary>
    private static readonly string[] Options = ["--std=c++17"];

    private readonly Dictionary<ProgramKey, nint> modules = [];

    public ProgramCache Cache => cache;

    /// <summary>The loaded <c>CUmodule</c> of a call's variant.</summary>
    public nint Get(KernelCall call)
    {
        string source = DeviceSource.Compose(call.Definition, call.Types, call.Constants, DeviceLanguage.Cuda);
        var key = ProgramKey.Of(source, $"sm_{architecture} {string.Join(' ', Options)}", device.Name, device.Info.Driver);
        if (!modules.TryGetValue(key, out nint module))
        {
            module = FromDisk(key);
            if (module == 0)
            {
                byte[] image = NvrtcCompiler.Compile(nvrtc, call.Definition, source, architecture, Options);
                device.Check(
                    Load(image, out module),
                    "cuModuleLoadData",
                    $"The kernel is {call.Definition.Name} ({call.Definition.Location}). A driver ({device.Info.Driver}) may not read what a newer NVRTC writes: "
                    + "let ENGINE_NVRTC name one that is not newer, or update the driver.");
                cache.Store(key, image);
            }

            modules.Add(key, module);
        }

        return module;
    }

    public void Dispose()
    {
        foreach (nint module in modules.Values)
        {
            CudaApi.ModuleUnload(module);
        }

        modules.Clear();
    }

    private static int Load(byte[] image, out nint module)
    {
        nint loaded = 0;
        int code;

        // The driver reads PTX up to a zero byte, which NVRTC's text ends with; machine code carries its own length.
        fixed (byte* first = image)
        {
            code = CudaApi.ModuleLoadData(&loaded, first);
        }

        module = loaded;
        return code;
    }

    private nint FromDisk(ProgramKey key)
    {
        if (cache.Find(key) is not { } image)
        {
            return 0;
        }

        int code = Load(image, out nint module);
        if (code == CudaError.Success)
        {
            return module;
        }

        cache.Reject(key, $"the driver refused it: cuModuleLoadData failed with {CudaError.Describe(code)}");
        return 0;
    }
}
