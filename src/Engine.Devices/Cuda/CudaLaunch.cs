using System.Runtime.InteropServices;

namespace Engine.Devices.Cuda;

/// <summary>A kernel with its argument block in native memory, filled once: enqueuing is one driver call.</summary>
internal sealed unsafe class CudaLaunch : Launch
{
    private const int MaxThreadsPerBlockOfFunction = 0;

    private readonly CudaDevice device;
    private readonly KernelDefinition kernel;
    private readonly LaunchShape shape;
    private readonly nint function;

    /// <summary>Pointers to the values, then the values, eight bytes each.</summary>
    private void** arguments;

    public CudaLaunch(CudaDevice device, nint module, KernelCall call)
        : base(device)
    {
        this.device = device;
        kernel = call.Definition;
        shape = call.Shape;
        Buffers = KernelBinding.Buffers(call);
        nint entry;
        device.Check(CudaApi.ModuleGetFunction(&entry, module, kernel.Name), "cuModuleGetFunction", $"The program of {Where} has no such entry point.");
        function = entry;
        CheckGroupSize();
        arguments = Arguments(call);
    }

    public override string Name => kernel.Name;

    public CudaDevice Device => device;

    /// <summary>The distinct buffers that the launch is bound to.</summary>
    public DeviceBuffer[] Buffers { get; }

    private bool HasNoGroups => shape.GroupsX == 0 || shape.GroupsY == 0 || shape.GroupsZ == 0;

    private string Where => $"{kernel.Name} ({kernel.Location})";

    /// <summary>Refuses a launch one of whose buffers is gone; allocates nothing.</summary>
    public void CheckAlive() => KernelBinding.CheckAlive(kernel, Buffers);

    /// <summary>Adds the launch to a <c>CUgraph</c>, after another node or 0; gives its node, 0 where it has no groups.</summary>
    public nint AddTo(nint graph, nint previous)
    {
        ThrowIfDisposed();
        CheckAlive();
        if (HasNoGroups)
        {
            return 0;
        }

        var parameters = new CudaKernelNode
        {
            Function = function,
            GridX = (uint)shape.GroupsX,
            GridY = (uint)shape.GroupsY,
            GridZ = (uint)shape.GroupsZ,
            BlockX = (uint)shape.GroupSize,
            BlockY = 1,
            BlockZ = 1,
            Arguments = arguments,
        };
        nint node;
        Check(CudaApi.GraphAddKernelNode(&node, graph, &previous, previous == 0 ? 0u : 1u, &parameters), "cuGraphAddKernelNode");
        return node;
    }

    protected override void Release()
    {
        NativeMemory.Free(arguments);
        arguments = null;
    }

    private protected override void EnqueueCore()
    {
        CheckAlive();
        if (HasNoGroups)
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
        Check(code, "cuLaunchKernel");
    }

    /// <summary>In the order of the parameters: a view is one argument of 16 bytes, the address of its first element and its length, a scalar one whose low bytes come first.</summary>
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
        device.Check(CudaApi.FunctionGetAttribute(&limit, MaxThreadsPerBlockOfFunction, function), "cuFuncGetAttribute", $"The kernel is {Where}.");
        if (shape.GroupSize > limit)
        {
            throw new DeviceException(
                $"{device} runs {Where} in groups of at most {limit} work-items (registers and shared memory set that), and {shape.GroupSize} were asked for.");
        }
    }

    private void Check(int code, string call)
    {
        if (code != CudaError.Success)
        {
            throw device.Failure(
                code, call, $"The kernel is {Where}, launched as {shape.GroupsX} x {shape.GroupsY} x {shape.GroupsZ} groups of {shape.GroupSize}.");
        }
    }
}
