using System.Collections.Immutable;
using System.Runtime.InteropServices;
using Engine.Devices.Native;

namespace Engine.Devices.OpenCl;

/// <summary>The part of the OpenCL 1.2 host API that a device needs, reached through the ICD loader.</summary>
internal static unsafe partial class OpenClApi
{
    public const ulong DeviceTypeAll = 0xFFFFFFFF;
    public const ulong MemoryReadWrite = 1;
    public const ulong MemoryAllocateHostPointer = 1 << 4;
    public const ulong MapWrite = 2;
    public const uint True = 1;
    public const uint False = 0;

    private const string Import = "OpenCL";

    /// <summary>The ICD loader.</summary>
    public static DriverLibrary Library { get; } = new(
        Import,
        "The OpenCL loader",
        Candidates(),
        "Install the graphics driver's OpenCL runtime, or an OpenCL for the processor (Debian: ocl-icd-libopencl1 and pocl-opencl-icd).");

    [LibraryImport(Import, EntryPoint = "clGetPlatformIDs")]
    public static partial int GetPlatformIds(uint capacity, nint* platforms, uint* count);

    [LibraryImport(Import, EntryPoint = "clGetPlatformInfo")]
    public static partial int GetPlatformInfo(nint platform, uint what, nuint capacity, void* value, nuint* size);

    [LibraryImport(Import, EntryPoint = "clGetDeviceIDs")]
    public static partial int GetDeviceIds(nint platform, ulong type, uint capacity, nint* devices, uint* count);

    [LibraryImport(Import, EntryPoint = "clGetDeviceInfo")]
    public static partial int GetDeviceInfo(nint device, uint what, nuint capacity, void* value, nuint* size);

    [LibraryImport(Import, EntryPoint = "clCreateContext")]
    public static partial nint CreateContext(nint* properties, uint count, nint* devices, nint notify, nint state, int* error);

    [LibraryImport(Import, EntryPoint = "clRetainContext")]
    public static partial int RetainContext(nint context);

    [LibraryImport(Import, EntryPoint = "clReleaseContext")]
    public static partial int ReleaseContext(nint context);

    [LibraryImport(Import, EntryPoint = "clCreateCommandQueue")]
    public static partial nint CreateCommandQueue(nint context, nint device, ulong properties, int* error);

    [LibraryImport(Import, EntryPoint = "clRetainCommandQueue")]
    public static partial int RetainCommandQueue(nint queue);

    [LibraryImport(Import, EntryPoint = "clReleaseCommandQueue")]
    public static partial int ReleaseCommandQueue(nint queue);

    [LibraryImport(Import, EntryPoint = "clFinish")]
    public static partial int Finish(nint queue);

    [LibraryImport(Import, EntryPoint = "clCreateBuffer")]
    public static partial nint CreateBuffer(nint context, ulong flags, nuint size, void* host, int* error);

    [LibraryImport(Import, EntryPoint = "clRetainMemObject")]
    public static partial int RetainMemObject(nint buffer);

    [LibraryImport(Import, EntryPoint = "clReleaseMemObject")]
    public static partial int ReleaseMemObject(nint buffer);

    [LibraryImport(Import, EntryPoint = "clEnqueueReadBuffer")]
    public static partial int EnqueueReadBuffer(
        nint queue, nint buffer, uint blocking, nuint offset, nuint size, void* target, uint waitCount, nint* waitList, nint* done);

    [LibraryImport(Import, EntryPoint = "clEnqueueWriteBuffer")]
    public static partial int EnqueueWriteBuffer(
        nint queue, nint buffer, uint blocking, nuint offset, nuint size, void* source, uint waitCount, nint* waitList, nint* done);

    [LibraryImport(Import, EntryPoint = "clEnqueueFillBuffer")]
    public static partial int EnqueueFillBuffer(
        nint queue, nint buffer, void* pattern, nuint patternSize, nuint offset, nuint size, uint waitCount, nint* waitList, nint* done);

    [LibraryImport(Import, EntryPoint = "clEnqueueCopyBuffer")]
    public static partial int EnqueueCopyBuffer(
        nint queue, nint source, nint target, nuint sourceOffset, nuint targetOffset, nuint size, uint waitCount, nint* waitList,
        nint* done);

    [LibraryImport(Import, EntryPoint = "clEnqueueMapBuffer")]
    public static partial void* EnqueueMapBuffer(
        nint queue, nint buffer, uint blocking, ulong flags, nuint offset, nuint size, uint waitCount, nint* waitList, nint* done,
        int* error);

    [LibraryImport(Import, EntryPoint = "clEnqueueUnmapMemObject")]
    public static partial int EnqueueUnmapMemObject(nint queue, nint buffer, void* mapped, uint waitCount, nint* waitList, nint* done);

    [LibraryImport(Import, EntryPoint = "clWaitForEvents")]
    public static partial int WaitForEvents(uint count, nint* events);

    [LibraryImport(Import, EntryPoint = "clGetEventInfo")]
    public static partial int GetEventInfo(nint completion, uint what, nuint capacity, void* value, nuint* size);

    [LibraryImport(Import, EntryPoint = "clReleaseEvent")]
    public static partial int ReleaseEvent(nint completion);

    [LibraryImport(Import, EntryPoint = "clCreateProgramWithSource")]
    public static partial nint CreateProgramWithSource(nint context, uint count, byte** texts, nuint* lengths, int* error);

    [LibraryImport(Import, EntryPoint = "clCreateProgramWithBinary")]
    public static partial nint CreateProgramWithBinary(
        nint context, uint count, nint* devices, nuint* lengths, byte** binaries, int* binaryStatus, int* error);

    [LibraryImport(Import, EntryPoint = "clBuildProgram", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int BuildProgram(nint program, uint count, nint* devices, string options, nint notify, nint state);

    [LibraryImport(Import, EntryPoint = "clGetProgramBuildInfo")]
    public static partial int GetProgramBuildInfo(nint program, nint device, uint what, nuint capacity, void* value, nuint* size);

    [LibraryImport(Import, EntryPoint = "clGetProgramInfo")]
    public static partial int GetProgramInfo(nint program, uint what, nuint capacity, void* value, nuint* size);

    [LibraryImport(Import, EntryPoint = "clReleaseProgram")]
    public static partial int ReleaseProgram(nint program);

    [LibraryImport(Import, EntryPoint = "clCreateKernel", StringMarshalling = StringMarshalling.Utf8)]
    public static partial nint CreateKernel(nint program, string name, int* error);

    [LibraryImport(Import, EntryPoint = "clGetKernelInfo")]
    public static partial int GetKernelInfo(nint kernel, uint what, nuint capacity, void* value, nuint* size);

    [LibraryImport(Import, EntryPoint = "clGetKernelWorkGroupInfo")]
    public static partial int GetKernelWorkGroupInfo(nint kernel, nint device, uint what, nuint capacity, void* value, nuint* size);

    [LibraryImport(Import, EntryPoint = "clSetKernelArg")]
    public static partial int SetKernelArg(nint kernel, uint index, nuint size, void* value);

    [LibraryImport(Import, EntryPoint = "clReleaseKernel")]
    public static partial int ReleaseKernel(nint kernel);

    [LibraryImport(Import, EntryPoint = "clEnqueueNDRangeKernel")]
    public static partial int EnqueueNDRangeKernel(
        nint queue, nint kernel, uint dimensions, nuint* offset, nuint* global, nuint* local, uint waitCount, nint* waitList, nint* done);

    private static ImmutableArray<string> Candidates()
    {
        if (OperatingSystem.IsWindows())
        {
            return ["OpenCL.dll"];
        }

        return OperatingSystem.IsMacOS()
            ? ["/System/Library/Frameworks/OpenCL.framework/OpenCL"]
            : ["libOpenCL.so.1", "libOpenCL.so"];
    }
}
