using System.Runtime.InteropServices;
using Engine.Devices.Native;

namespace Engine.Devices.Cuda;

/// <summary>The part of the CUDA driver API that a device needs. It comes with the graphics driver, not with the toolkit.</summary>
internal static unsafe partial class CudaApi
{
    /// <summary>
    /// The oldest driver with every entry point below, as <c>cuDriverGetVersion</c> counts: CUDA 11.6, which came with driver 510.
    /// </summary>
    public const int OldestVersion = 11060;

    private const string Import = "cuda";

    /// <summary>Where Windows puts the driver of its Linux subsystem, which not every distribution's loader searches.</summary>
    private const string WindowsSubsystem = "/usr/lib/wsl/lib/libcuda.so.1";

    /// <summary>The driver's library: the file that <c>ENGINE_CUDA</c> names, else the one the system finds.</summary>
    public static DriverLibrary Library { get; } = Find(Environment.GetEnvironmentVariable("ENGINE_CUDA"));

    /// <summary>The library of a value of <c>ENGINE_CUDA</c>.</summary>
    public static DriverLibrary Find(string? chosen) => new(
        Import,
        "The CUDA driver",
        chosen is { Length: > 0 }
            ? [chosen]
            : OperatingSystem.IsWindows() ? ["nvcuda.dll"] : ["libcuda.so.1", "libcuda.so", WindowsSubsystem],
        chosen is { Length: > 0 }
            ? $"ENGINE_CUDA is {chosen}: let it name the driver's library, or leave it unset."
            : "Install NVIDIA's graphics driver (510 or later); inside a container, start it with access to the card (--gpus all).");

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

    [LibraryImport(Import, EntryPoint = "cuCtxGetDevice")]
    public static partial int CurrentContextDevice(int* device);

    [LibraryImport(Import, EntryPoint = "cuStreamCreate")]
    public static partial int StreamCreate(nint* stream, uint flags);

    [LibraryImport(Import, EntryPoint = "cuStreamDestroy_v2")]
    public static partial int StreamDestroy(nint stream);

    [LibraryImport(Import, EntryPoint = "cuStreamSynchronize")]
    public static partial int StreamSynchronize(nint stream);

    [LibraryImport(Import, EntryPoint = "cuStreamBeginCapture_v2")]
    public static partial int StreamBeginCapture(nint stream, int mode);

    [LibraryImport(Import, EntryPoint = "cuStreamEndCapture")]
    public static partial int StreamEndCapture(nint stream, nint* graph);

    [LibraryImport(Import, EntryPoint = "cuStreamGetCaptureInfo_v2")]
    public static partial int StreamGetCaptureInfo(
        nint stream, int* status, ulong* id, nint* graph, nint** dependencies, nuint* dependencyCount);

    [LibraryImport(Import, EntryPoint = "cuThreadExchangeStreamCaptureMode")]
    public static partial int ExchangeCaptureMode(int* mode);

    [LibraryImport(Import, EntryPoint = "cuEventCreate")]
    public static partial int EventCreate(nint* created, uint flags);

    [LibraryImport(Import, EntryPoint = "cuEventDestroy_v2")]
    public static partial int EventDestroy(nint destroyed);

    [LibraryImport(Import, EntryPoint = "cuEventRecord")]
    public static partial int EventRecord(nint recorded, nint stream);

    [LibraryImport(Import, EntryPoint = "cuEventSynchronize")]
    public static partial int EventSynchronize(nint awaited);

    [LibraryImport(Import, EntryPoint = "cuMemHostAlloc")]
    public static partial int HostAllocate(void** address, nuint bytes, uint flags);

    [LibraryImport(Import, EntryPoint = "cuMemFreeHost")]
    public static partial int HostFree(void* address);

    [LibraryImport(Import, EntryPoint = "cuMemPoolCreate")]
    public static partial int PoolCreate(nint* pool, CudaPoolProperties* properties);

    [LibraryImport(Import, EntryPoint = "cuMemPoolDestroy")]
    public static partial int PoolDestroy(nint pool);

    [LibraryImport(Import, EntryPoint = "cuMemPoolSetAttribute")]
    public static partial int PoolSetAttribute(nint pool, int attribute, void* value);

    [LibraryImport(Import, EntryPoint = "cuMemPoolTrimTo")]
    public static partial int PoolTrim(nint pool, nuint kept);

    [LibraryImport(Import, EntryPoint = "cuMemAllocFromPoolAsync")]
    public static partial int MemoryAllocateFromPool(ulong* address, nuint bytes, nint pool, nint stream);

    [LibraryImport(Import, EntryPoint = "cuMemFreeAsync")]
    public static partial int MemoryFreeInOrder(ulong address, nint stream);

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

    [LibraryImport(Import, EntryPoint = "cuModuleLoadDataEx")]
    public static partial int ModuleLoadDataEx(nint* module, void* image, uint options, int* kinds, void** values);

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

    [LibraryImport(Import, EntryPoint = "cuGraphDestroy")]
    public static partial int GraphDestroy(nint graph);

    /// <param name="count">Room for so many nodes, then how many there are.</param>
    [LibraryImport(Import, EntryPoint = "cuGraphGetNodes")]
    public static partial int GraphGetNodes(nint graph, nint* nodes, nuint* count);

    [LibraryImport(Import, EntryPoint = "cuGraphInstantiateWithFlags")]
    public static partial int GraphInstantiate(nint* executable, nint graph, ulong flags);

    [LibraryImport(Import, EntryPoint = "cuGraphExecDestroy")]
    public static partial int GraphExecutableDestroy(nint executable);

    [LibraryImport(Import, EntryPoint = "cuGraphNodeSetEnabled")]
    public static partial int GraphNodeSetEnabled(nint executable, nint node, uint enabled);

    [LibraryImport(Import, EntryPoint = "cuGraphLaunch")]
    public static partial int GraphLaunch(nint executable, nint stream);
}

/// <summary>What a pool is made of: <c>CUmemPoolProps</c>, whose end is reserved and zero.</summary>
[StructLayout(LayoutKind.Sequential, Size = 88)]
internal struct CudaPoolProperties
{
    /// <summary>1: memory that stays where it is.</summary>
    public int AllocationType;

    /// <summary>0: not for other processes.</summary>
    public int HandleTypes;

    /// <summary>1: a device's memory.</summary>
    public int LocationType;

    /// <summary>The <c>CUdevice</c>.</summary>
    public int Location;
}
