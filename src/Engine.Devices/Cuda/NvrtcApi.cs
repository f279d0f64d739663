using System.Runtime.InteropServices;
using Engine.Devices.Native;

namespace Engine.Devices.Cuda;

/// <summary>NVRTC, NVIDIA's run-time compiler for CUDA C++. It comes with the CUDA toolkit, not with the driver.</summary>
internal static unsafe partial class NvrtcApi
{
    public const int Success = 0;

    private const string Import = "nvrtc";

    /// <summary>The compiler's library: the file or folder that <c>ENGINE_NVRTC</c> names, else versions 13 to 11, newest first.</summary>
    public static DriverLibrary Library { get; } = Find(NvrtcFolders.OfProcess());

    /// <summary>The library that an environment has.</summary>
    public static DriverLibrary Find(NvrtcFolders folders) => new(
        Import,
        "NVRTC, the compiler of the cuda device,",
        folders.Candidates(),
        folders.Chosen is { } chosen
            ? $"ENGINE_NVRTC is {chosen}: let it name NVRTC's file or its folder."
            : "The CUDA toolkit's and Python's usual folders have none either. Install NVRTC (version 11.2 to 13; Debian: libnvrtc11.2, Python: nvidia-cuda-nvrtc-cu12), "
            + "or let ENGINE_NVRTC name its file or its folder.");

    [LibraryImport(Import, EntryPoint = "nvrtcGetErrorString")]
    public static partial byte* GetErrorString(int result);

    [LibraryImport(Import, EntryPoint = "nvrtcGetNumSupportedArchs")]
    public static partial int GetNumSupportedArchitectures(int* count);

    [LibraryImport(Import, EntryPoint = "nvrtcGetSupportedArchs")]
    public static partial int GetSupportedArchitectures(int* architectures);

    [LibraryImport(Import, EntryPoint = "nvrtcCreateProgram", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int CreateProgram(nint* program, string source, string name, int headerCount, byte** headers, byte** headerNames);

    [LibraryImport(Import, EntryPoint = "nvrtcDestroyProgram")]
    public static partial int DestroyProgram(nint* program);

    [LibraryImport(Import, EntryPoint = "nvrtcCompileProgram")]
    public static partial int CompileProgram(nint program, int optionCount, byte** options);

    [LibraryImport(Import, EntryPoint = "nvrtcGetProgramLogSize")]
    public static partial int GetProgramLogSize(nint program, nuint* size);

    [LibraryImport(Import, EntryPoint = "nvrtcGetProgramLog")]
    public static partial int GetProgramLog(nint program, byte* log);

    [LibraryImport(Import, EntryPoint = "nvrtcGetCUBINSize")]
    public static partial int GetCubinSize(nint program, nuint* size);

    [LibraryImport(Import, EntryPoint = "nvrtcGetCUBIN")]
    public static partial int GetCubin(nint program, byte* cubin);

    [LibraryImport(Import, EntryPoint = "nvrtcGetPTXSize")]
    public static partial int GetPtxSize(nint program, nuint* size);

    [LibraryImport(Import, EntryPoint = "nvrtcGetPTX")]
    public static partial int GetPtx(nint program, byte* ptx);
}
