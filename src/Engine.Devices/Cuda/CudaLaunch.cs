using System.Runtime.InteropServices;
using Engine.Devices.Programs;

namespace Engine.Devices.Cuda;

/// <summary>A kernel with its argument block in native memory, filled once: enqueuing is one driver call.</summary>
internal sealed unsafe class CudaLaunch(CudaDevice device, Task<nint> program, KernelCall call)
    : CompiledLaunch(device, program, call), ICudaWork
{
    private const int MaxThreadsPerBlockOfFunction = 0;

    private nint function;

    /// <summary>Pointers to the values, then the values, eight bytes each.</summary>
    private void** arguments;

    protected override void Release()
    {
        NativeMemory.Free(arguments);
        arguments = null;
    }

    private protected override void Make(nint program, KernelCall call)
    {
        device.MakeCurrent();
        nint entry;
        device.Check(
            CudaApi.ModuleGetFunction(&entry, program, Kernel.Name), "cuModuleGetFunction",
            $"The program of {Where} has no such entry point.");
        function = entry;
        CheckGroupSize();
        arguments = Arguments(call);
    }

    private protected override void Run()
    {
        device.MakeCurrent();
        int code = CudaApi.LaunchKernel(
            function,
            (uint)Shape.GroupsX,
            (uint)Shape.GroupsY,
            (uint)Shape.GroupsZ,
            (uint)Shape.GroupSize,
            1,
            1,
            0,
            device.Stream,
            arguments,
            null);
        Check(code, "cuLaunchKernel");
    }

    /// <summary>
    /// In the order of the parameters: a view is one argument of 16 bytes, the address of its first element and its length, a scalar one
    /// whose low bytes come first.
    /// </summary>
    private static void** Arguments(KernelCall call)
    {
        int count = call.Arguments.Length;
        var block = (void**)NativeMemory.Alloc((nuint)Math.Max(1, 3 * count), sizeof(ulong));
        var stored = (ulong*)(block + count);
        for (int i = 0; i < count; i++)
        {
            KernelArgument argument = call.Arguments[i];
            block[i] = stored;
            if (argument.Kind == KernelParameterKind.View)
            {
                stored[0] = argument.Buffer is CudaBuffer buffer ? buffer.Address + (ulong)argument.ByteOffset : 0;
                stored[1] = (ulong)argument.Length;
                stored += 2;
            }
            else
            {
                *stored++ = argument.Bits;
            }
        }

        return block;
    }

    private void CheckGroupSize()
    {
        int limit;
        device.Check(
            CudaApi.FunctionGetAttribute(&limit, MaxThreadsPerBlockOfFunction, function), "cuFuncGetAttribute", $"The kernel is {Where}.");
        if (Shape.GroupSize > limit)
        {
            throw new DeviceException(
                $"{device} runs {Where} in groups of at most {limit} work-items (registers and shared memory set that), "
                    + $"and {Shape.GroupSize} were asked for.");
        }
    }

    private void Check(int code, string call)
    {
        if (code != CudaError.Success)
        {
            throw device.Failure(
                code, call,
                $"The kernel is {Where}, launched as {Shape.GroupsX} x {Shape.GroupsY} x {Shape.GroupsZ} groups of {Shape.GroupSize}.");
        }
    }
}
