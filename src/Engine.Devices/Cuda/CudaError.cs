using System.Runtime.InteropServices;

namespace Engine.Devices.Cuda;

/// <summary>The result codes of the CUDA driver API, named by the driver itself.</summary>
internal static unsafe class CudaError
{
    public const int Success = 0;
    public const int OutOfMemory = 2;

    /// <summary>
    /// Whether a code means that the context is lost: the driver returns it, or another of these, from every later call of the process. By
    /// the header's words: uncorrectable memory, an illegal address, a timeout, a destroyed context, an assertion, and the faults of a
    /// running kernel. A card that is busy or kept for another process (46) is not lost: a later call may succeed.
    /// </summary>
    public static bool LosesDevice(int code) => code is 214 or 220 or 226 or 700 or 702 or 709 or 710 or (>= 714 and <= 719) or 999;

    /// <summary>Throws when a call failed.</summary>
    /// <param name="code">What the call returned.</param>
    /// <param name="call">The call's name, <c>cuMemAlloc</c>.</param>
    /// <param name="where">The device, or its id; printed only when the call failed.</param>
    /// <param name="hint">What it means here, or what to do; null where the name says it.</param>
    public static void Check(int code, string call, object where, string? hint = null)
    {
        if (code != Success)
        {
            throw new DeviceException(Message(code, call, where, hint));
        }
    }

    public static string Message(int code, string call, object where, string? hint) =>
        $"{where}: {call} failed with {Describe(code)}.{(hint is null ? "" : " " + hint)}";

    /// <summary>The name, number and meaning of a code, <c>CUDA_ERROR_NO_DEVICE (100, no CUDA-capable device is detected)</c>.</summary>
    public static string Describe(int code)
    {
        byte* name;
        byte* text;
        return CudaApi.GetErrorName(code, &name) == Success && CudaApi.GetErrorString(code, &text) == Success
            ? $"{Marshal.PtrToStringUTF8((nint)name)} ({code}, {Marshal.PtrToStringUTF8((nint)text)})"
            : $"an error code unknown to this driver ({code})";
    }
}
