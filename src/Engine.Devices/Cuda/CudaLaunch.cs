using System.Runtime.InteropServices;

namespace Engine.Devices.Cuda;

/// <summary>A kernel with its argument block in native memory, filled once: enqueuing is one driver call.</summary>
internal sealed unsafe class CudaLaunch : Launch
{
    private const int MaxThreadsPerBlockOfFunction = 0;

    private readonly CudaDevice device;
    private readonly KernelDefinition kernel;
    private readonly LaunchShape shape;
    private readonly DeviceBuffer[] buffers;
    private readonly nint function;

    /// <summary>Pointers to the values, then the values, eight bytes each.</summary>
    private void** arguments;

    public CudaLaunch(CudaDevice device, nint module, KernelCall call)
    {
        this.device = device;
        kernel = call.Definition;
        shape = call.Shape;
        buffers = KernelBinding.Buffers(call);
        nint entry;
        CudaError.Check(
            CudaApi.ModuleGetFunction(&entry, module, kernel.Name), "cuModuleGetFunction", device, $"The program of {Where} has no such entry point.");
        function = entry;
        CheckGroupSize();
        arguments = Arguments(call);
    }

    public override string Name => kernel.Name;

    private string Where => $"{kernel.Name} ({kernel.Location})";

    public override void Enqueue()
    {
        ThrowIfDisposed();
        device.ThrowIfDisposed();
        KernelBinding.CheckAlive(kernel, buffers);
        if (shape.GroupsX == 0 || shape.GroupsY == 0 || shape.GroupsZ == 0)
        {
            return;
        }

        device.MakeCurrent();
        int code = CudaApi.LaunchKernel(
            function,
            (uint)shape.GroupsX,
            (uint)shape.GroupsY,
            (uint)shape.GroupsZ,
            (uint)shape.GroupSize,
            1,
            1,
            0,
            device.Stream,
            arguments,
            null);
        if (code != CudaError.Success)
        {
            throw CudaError.Failure(
                code,
                "cuLaunchKernel",
                device,
                $"The kernel is {Where}, launched as {shape.GroupsX} x {shape.GroupsY} x {shape.GroupsZ} groups of {shape.GroupSize}.");
        }
    }

    protected override void Release()
    {
        NativeMemory.Free(arguments);
        arguments = null;
    }

    /// <summary>A view is three arguments (base pointer, byte offset, length in elements), a scalar one whose low bytes come first.</summary>
    private static void** Arguments(KernelCall call)
    {
        var values = new List<ulong>();
        foreach (KernelArgument argument in call.Arguments)
        {
            if (argument.Kind == KernelParameterKind.View)
            {
                ulong address = argument.Buffer is CudaBuffer buffer ? buffer.Address : 0;
                values.AddRange([address, (ulong)argument.ByteOffset, (ulong)argument.Length]);
            }
            else
            {
                values.Add(argument.Bits);
            }
        }

        var block = (void**)NativeMemory.Alloc((nuint)Math.Max(1, 2 * values.Count), sizeof(ulong));
        var stored = (ulong*)(block + values.Count);
        for (int i = 0; i < values.Count; i++)
        {
            stored[i] = values[i];
            block[i] = stored + i;
        }

        return block;
    }

    private void CheckGroupSize()
    {
        int limit;
        int code = CudaApi.FunctionGetAttribute(&limit, MaxThreadsPerBlockOfFunction, function);
        CudaError.Check(code, "cuFuncGetAttribute", device, $"The kernel is {Where}.");
        if (shape.GroupSize > limit)
        {
            throw new DeviceException(
                $"{device} runs {Where} in groups of at most {limit} work-items (registers and shared memory set that), and {shape.GroupSize} were asked for.");
        }
    }
}
