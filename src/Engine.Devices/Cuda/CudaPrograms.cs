using Engine.Devices.Native;
using Engine.Devices.Programs;

namespace Engine.Devices.Cuda;

/// <summary>A loaded <c>CUmodule</c>.</summary>
/// <param name="SharedBytes">Shared memory that a launch must bring; 0 where the kernel's own arrays suffice.</param>
internal readonly record struct CudaModule(nint Handle, int SharedBytes);

/// <summary>One device's modules: in memory, else from the disk cache, else compiled by NVRTC. A cached program needs no NVRTC.</summary>
internal sealed unsafe class CudaPrograms(CudaDevice device, int architecture, DriverLibrary nvrtc, ProgramCache cache) : IDisposable
{
    /// <summary>No option loosens IEEE arithmetic: results are held against the other devices.</summary>
    private static readonly string[] Options = ["--std=c++17"];

    private readonly Dictionary<ProgramKey, CudaModule> modules = [];

    public ProgramCache Cache => cache;

    /// <summary>The module of a call's variant.</summary>
    public CudaModule Get(KernelCall call)
    {
        string source = DeviceSource.Compose(call.Definition, call.Types, call.Constants, DeviceLanguage.Cuda);
        var key = ProgramKey.Of(source, $"sm_{architecture} {string.Join(' ', Options)}", device.Name, device.Info.Driver);
        if (!modules.TryGetValue(key, out CudaModule module))
        {
            nint handle = FromDisk(key);
            if (handle == 0)
            {
                byte[] image = NvrtcCompiler.Compile(nvrtc, call.Definition, source, architecture, Options);
                device.Check(
                    Load(image, out handle),
                    "cuModuleLoadData",
                    $"The kernel is {call.Definition.Name} ({call.Definition.Location}). A driver ({device.Info.Driver}) may not read what a newer NVRTC writes: "
                    + "let ENGINE_NVRTC name one that is not newer, or update the driver.");
                cache.Store(key, image);
            }

            // Noted before anything else can fail, so that it is unloaded.
            modules.Add(key, new CudaModule(handle, 0));
            module = new CudaModule(handle, SharedBytes(handle, call.Definition));
            modules[key] = module;
        }

        return module;
    }

    public void Dispose()
    {
        foreach (CudaModule module in modules.Values)
        {
            device.CheckRelease(CudaApi.ModuleUnload(module.Handle), "cuModuleUnload");
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

    /// <summary>What the module's text says of <see cref="CudaSharedMemory"/>; 0 where it says nothing.</summary>
    private int SharedBytes(nint module, KernelDefinition kernel)
    {
        ulong address;
        nuint size;
        int code = CudaApi.ModuleGetGlobal(&address, &size, module, CudaSharedMemory.SizeOf(kernel));
        if (code == CudaError.NotFound)
        {
            return 0;
        }

        device.Check(code, "cuModuleGetGlobal");
        int bytes;
        device.Check(CudaApi.CopyDeviceToHost(&bytes, address, sizeof(int), device.Stream), "cuMemcpyDtoHAsync");
        device.Check(CudaApi.StreamSynchronize(device.Stream), "cuStreamSynchronize");
        return bytes;
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
