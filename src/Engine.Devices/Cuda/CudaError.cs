using System.Runtime.InteropServices;

namespace Engine.Devices.Cuda;

/// <summary>The result codes of the CUDA driver API, named by the driver itself.</summary>
internal static unsafe class CudaError
{
    public const int Success = 0;
    public const int OutOfMemory = 2;

    /// <summary>Throws when a call failed.</summary>
    /// <param name="code">What the call returned.</param>
    /// <param name="call">The call's name, <c>cuMemAlloc</c>.</param>
    /// <param name="where">The device, or its id; printed only when the call failed.</param>
    /// <param name="hint">What it means here, or what to do; null where the name says it.</param>
    public static void Check(int code, string call, object where, string? hint = null)
    {
        if (code != Success)
        {
            throw Failure(code, call, where, hint);
        }
    }

    public static DeviceException Failure(int code, string call, object where, string? hint = null) =>
        new($"{where}: {call} failed with {Describe(code)}.{(hint is null ? "" : " " + hint)}");

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
