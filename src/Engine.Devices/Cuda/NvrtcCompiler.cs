using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;
using Engine.Devices.Native;

namespace Engine.Devices.Cuda;

/// <summary>Compiles CUDA C++ for one architecture.</summary>
internal static unsafe partial class NvrtcCompiler
{
    /// <summary>Machine code for the architecture, or PTX of the newest one below it that this NVRTC knows, which the driver finishes.</summary>
    /// <param name="library">NVRTC.</param>
    /// <param name="kernel">The kernel, for errors.</param>
    /// <param name="source">CUDA C++.</param>
    /// <param name="architecture">Compute capability as one number, 90 for 9.0.</param>
    /// <param name="options">Options beyond the architecture's.</param>
    /// <exception cref="DeviceException">NVRTC is missing, or refused the text; the message holds its log.</exception>
    public static byte[] Compile(DriverLibrary library, KernelDefinition kernel, string source, int architecture, IReadOnlyList<string> options)
    {
        library.Load();
        string where = $"NVRTC, kernel {kernel.Name} ({kernel.Location})";
        int known = NewestKnown(architecture, where);
        bool machineCode = known == architecture;
        string[] all = [$"--gpu-architecture={(machineCode ? "sm" : "compute")}_{known}", .. options];

        // What assembles PTX is the driver, later, so no log tells that the shared arrays are too large: they are the launch's from the start.
        source = machineCode ? source : CudaSharedMemory.Arrange(kernel, source) ?? source;
        byte[]? image = Compile(kernel, source, all, machineCode, where, out string log);
        if (image is null && CudaSharedMemory.IsExceeded(log) && CudaSharedMemory.Arrange(kernel, source) is { } arranged)
        {
            image = Compile(kernel, source = arranged, all, machineCode, where, out log);
        }

        return image ?? throw new DeviceException($"{where}: nvrtcCompileProgram failed, options {string.Join(' ', all)}. Its log:\n{log}{Quote(log, source)}");
    }

    /// <summary>Machine code or PTX; null where the compiler refused the text.</summary>
    private static byte[]? Compile(KernelDefinition kernel, string source, string[] options, bool machineCode, string where, out string log)
    {
        log = "";
        nint program;
        Check(NvrtcApi.CreateProgram(&program, source, kernel.Name + ".cu", 0, null, null), "nvrtcCreateProgram", where);
        try
        {
            int code = Run(program, options);
            if (code != NvrtcApi.Success)
            {
                log = $"{Name(code)} ({code}): {Log(program)}";
                return null;
            }

            return machineCode
                ? Output(program, NvrtcApi.GetCubinSize, NvrtcApi.GetCubin, "CUBIN", where)
                : Output(program, NvrtcApi.GetPtxSize, NvrtcApi.GetPtx, "PTX", where);
        }
        finally
        {
            NvrtcApi.DestroyProgram(&program);
        }
    }

    private static int NewestKnown(int architecture, string where)
    {
        int count;
        Check(NvrtcApi.GetNumSupportedArchitectures(&count), "nvrtcGetNumSupportedArchs", where);
        var known = new int[count];
        fixed (int* first = known)
        {
            Check(NvrtcApi.GetSupportedArchitectures(first), "nvrtcGetSupportedArchs", where);
        }

        int best = known.Where(candidate => candidate <= architecture).DefaultIfEmpty(0).Max();
        return best > 0
            ? best
            : throw new DeviceException(
                $"{where}: this NVRTC compiles for compute capability {known.Min()} and later, and the card has {architecture}. "
                + "Let ENGINE_NVRTC name an older version.");
    }

    private static int Run(nint program, string[] options)
    {
        var native = new nint[options.Length];
        try
        {
            for (int i = 0; i < options.Length; i++)
            {
                native[i] = Marshal.StringToCoTaskMemUTF8(options[i]);
            }

            fixed (nint* first = native)
            {
                return NvrtcApi.CompileProgram(program, options.Length, (byte**)first);
            }
        }
        finally
        {
            foreach (nint text in native)
            {
                Marshal.FreeCoTaskMem(text);
            }
        }
    }

    private static string Log(nint program)
    {
        nuint size;
        if (NvrtcApi.GetProgramLogSize(program, &size) != NvrtcApi.Success || size <= 1)
        {
            return "(NVRTC gives no log)";
        }

        var bytes = new byte[size];
        fixed (byte* first = bytes)
        {
            int code = NvrtcApi.GetProgramLog(program, first);
            return code == NvrtcApi.Success ? Encoding.UTF8.GetString(bytes).TrimEnd('\0').Trim() : $"(NVRTC gives no log: {Name(code)})";
        }
    }

    /// <summary>The lines of the printed text that a log points to, <c>name.cu(12): error: ...</c>, each once.</summary>
    private static string Quote(string log, string source)
    {
        string[] lines = source.Split('\n');
        var quoted = new StringBuilder();
        foreach (int number in PointedTo().Matches(log).Select(match => int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture)).Distinct().Where(i => i <= lines.Length))
        {
            quoted.Append(CultureInfo.InvariantCulture, $"\nline {number}: {lines[number - 1].Trim()}");
        }

        return quoted.ToString();
    }

    [GeneratedRegex(@"\.cu\(([1-9][0-9]{0,6})\)")]
    private static partial Regex PointedTo();

    private static byte[] Output(nint program, SizeQuery sizeOf, ContentQuery contentOf, string what, string where)
    {
        nuint size;
        Check(sizeOf(program, &size), $"nvrtcGet{what}Size", where);
        var bytes = new byte[size];
        fixed (byte* first = bytes)
        {
            Check(contentOf(program, first), $"nvrtcGet{what}", where);
        }

        return bytes;
    }

    private static void Check(int code, string call, string where)
    {
        if (code != NvrtcApi.Success)
        {
            throw new DeviceException($"{where}: {call} failed with {Name(code)} ({code}).");
        }
    }

    private static string Name(int code) => Marshal.PtrToStringUTF8((nint)NvrtcApi.GetErrorString(code)) ?? "an unknown error";

    private delegate int SizeQuery(nint program, nuint* size);

    private delegate int ContentQuery(nint program, byte* content);
}
