using System.Collections.Immutable;
using System.Runtime.InteropServices;
using Engine.Devices.Native;

namespace Engine.Devices.Cuda;

/// <summary>The part of the CUDA driver API that a device needs. It comes with the graphics driver, not with the toolkit.</summary>
internal static unsafe partial class CudaApi
{
    private const string Import = "cuda";

    /// <summary>The driver's library.</summary>
    public static DriverLibrary Library { get; } = new(
        Import,
        "The CUDA driver",
        Candidates(),
        "Install NVIDIA's graphics driver (550 or later); inside a container, start it with access to the card (--gpus all).");

    [LibraryImport(Import, EntryPoint = "cuInit")]
    public static partial int Init(uint flags);

    [LibraryImport(Import, EntryPoint = "cuDriverGetVersion")]
    public static partial int DriverGetVersion(int* version);

    [LibraryImport(Import, EntryPoint = "cuGetErrorName")]
    public static partial int GetErrorName(int error, byte** name);

    [LibraryImport(Import, EntryPoint = "cuGetErrorString")]
    public static partial int GetErrorString(int error, byte** text);

    [LibraryImport(Import, EntryPoint = "cuDeviceGetCount")]
    public static partial int DeviceGetCount(int* count);

    [LibraryImport(Import, EntryPoint = "cuDeviceGet")]
    public static partial int DeviceGet(int* device, int ordinal);

    [LibraryImport(Import, EntryPoint = "cuDeviceGetName")]
    public static partial int DeviceGetName(byte* name, int capacity, int device);

    [LibraryImport(Import, EntryPoint = "cuDeviceTotalMem_v2")]
    public static partial int DeviceTotalMemory(nuint* bytes, int device);

    [LibraryImport(Import, EntryPoint = "cuDeviceGetAttribute")]
    public static partial int DeviceGetAttribute(int* value, int attribute, int device);

    [LibraryImport(Import, EntryPoint = "cuDevicePrimaryCtxRetain")]
    public static partial int PrimaryContextRetain(nint* context, int device);

    [LibraryImport(Import, EntryPoint = "cuDevicePrimaryCtxRelease_v2")]
    public static partial int PrimaryContextRelease(int device);

    [LibraryImport(Import, EntryPoint = "cuCtxSetCurrent")]
    public static partial int SetCurrentContext(nint context);

    [LibraryImport(Import, EntryPoint = "cuStreamCreate")]
    public static partial int StreamCreate(nint* stream, uint flags);

    [LibraryImport(Import, EntryPoint = "cuStreamDestroy_v2")]
    public static partial int StreamDestroy(nint stream);

    [LibraryImport(Import, EntryPoint = "cuStreamSynchronize")]
    public static partial int StreamSynchronize(nint stream);

    [LibraryImport(Import, EntryPoint = "cuMemAlloc_v2")]
    public static partial int MemoryAllocate(ulong* address, nuint bytes);

    [LibraryImport(Import, EntryPoint = "cuMemFree_v2")]
    public static partial int MemoryFree(ulong address);

    [LibraryImport(Import, EntryPoint = "cuMemcpyHtoDAsync_v2")]
    public static partial int CopyHostToDevice(ulong target, void* source, nuint bytes, nint stream);

    [LibraryImport(Import, EntryPoint = "cuMemcpyDtoHAsync_v2")]
    public static partial int CopyDeviceToHost(void* target, ulong source, nuint bytes, nint stream);

    [LibraryImport(Import, EntryPoint = "cuMemcpyDtoDAsync_v2")]
    public static partial int CopyDeviceToDevice(ulong target, ulong source, nuint bytes, nint stream);

    [LibraryImport(Import, EntryPoint = "cuMemsetD8Async")]
    public static partial int Fill(ulong target, byte value, nuint bytes, nint stream);

    [LibraryImport(Import, EntryPoint = "cuModuleLoadData")]
    public static partial int ModuleLoadData(nint* module, void* image);

    [LibraryImport(Import, EntryPoint = "cuModuleUnload")]
    public static partial int ModuleUnload(nint module);

    [LibraryImport(Import, EntryPoint = "cuModuleGetFunction", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int ModuleGetFunction(nint* function, nint module, string name);

    [LibraryImport(Import, EntryPoint = "cuFuncGetAttribute")]
    public static partial int FunctionGetAttribute(int* value, int attribute, nint function);

    [LibraryImport(Import, EntryPoint = "cuLaunchKernel")]
    public static partial int LaunchKernel(
        nint function,
        uint gridX,
        uint gridY,
        uint gridZ,
        uint blockX,
        uint blockY,
        uint blockZ,
        uint sharedBytes,
        nint stream,
        void** arguments,
        void** extra);

    private static ImmutableArray<string> Candidates() => OperatingSystem.IsWindows() ? ["nvcuda.dll"] : ["libcuda.so.1", "libcuda.so"];
}
