using Engine.Devices.Programs;

namespace Engine.Devices.OpenCl;

/// <summary>A <c>cl_kernel</c> of its own for each launch, its arguments set once: enqueuing is one driver call.</summary>
internal sealed unsafe class OpenClLaunch(OpenClDevice device, Task<nint> program, KernelCall call) : CompiledLaunch(device, program, call)
{
    private const uint KernelNumArgs = 0x1191;
    private const uint KernelWorkGroupSize = 0x11B0;

    private nint handle;

    protected override void Release()
    {
        if (handle != 0)
        {
            int code = OpenClApi.ReleaseKernel(handle);
            handle = 0;
            OpenClError.Check(code, "clReleaseKernel", device, $"The kernel is {Where}.");
        }
    }

    private protected override void Make(nint program, KernelCall call)
    {
        int code;
        handle = OpenClApi.CreateKernel(program, Kernel.Name, &code);
        OpenClError.Check(code, "clCreateKernel", device, $"The program of {Where} has no entry point of that name.");
        try
        {
            SetArguments(call);
            CheckGroupSize();
        }
        catch
        {
            OpenClApi.ReleaseKernel(handle);
            handle = 0;
            throw;
        }
    }

    private protected override void Run()
    {
        nuint* local = stackalloc nuint[] { (nuint)Shape.GroupSize, 1, 1 };
        nuint* global = stackalloc nuint[] { (nuint)Shape.GroupsX * (nuint)Shape.GroupSize, (nuint)Shape.GroupsY, (nuint)Shape.GroupsZ };
        int code = OpenClApi.EnqueueNDRangeKernel(device.Queue, handle, 3, null, global, local, 0, null, null);
        if (code == OpenClError.MemObjectAllocationFailure)
        {
            // Drivers may take the memory of a buffer only when a kernel first uses it.
            DeviceBuffer? largest = Buffers.MaxBy(buffer => buffer.Bytes);
            throw DeviceBuffer.OutOfMemory(device, largest?.Bytes ?? 0, largest?.Owner ?? "a kernel without buffers");
        }

        if (code != OpenClError.Success)
        {
            throw OpenClError.Failure(
                code,
                "clEnqueueNDRangeKernel",
                device,
                $"The kernel is {Where}, launched as {Shape.GroupsX} x {Shape.GroupsY} x {Shape.GroupsZ} groups of {Shape.GroupSize}.");
        }
    }

    /// <summary>
    /// The views' pointers, then for each parameter a view's place (index of its first element, and length) or a scalar of its own size.
    /// </summary>
    private void SetArguments(KernelCall call)
    {
        uint expected;
        int code = OpenClApi.GetKernelInfo(handle, KernelNumArgs, sizeof(uint), &expected, null);
        OpenClError.Check(code, "clGetKernelInfo", device, $"The kernel is {Where}.");
        int given = Kernel.Parameters.Sum(p => p.Kind switch
        {
            KernelParameterKind.View => 2,
            KernelParameterKind.Scalar => 1,
            _ => 0,
        });
        if (expected != given)
        {
            throw new DeviceException(
                $"{device}: the device text of {Where} takes {expected} arguments, and its C# parameters make {given}.");
        }

        KernelParameter[] parameters = [.. Kernel.Parameters.Where(p => p.Kind != KernelParameterKind.Specialized)];
        uint index = 0;
        foreach ((KernelParameter parameter, KernelArgument argument) in parameters.Zip(call.Arguments)
            .Where(p => p.Second.Kind == KernelParameterKind.View))
        {
            nint memory = argument.Buffer is OpenClBuffer buffer ? buffer.Handle : 0;
            SetArgument(index++, (nuint)sizeof(nint), &memory, parameter);
        }

        foreach ((KernelParameter parameter, KernelArgument argument) in parameters.Zip(call.Arguments))
        {
            if (argument.Kind == KernelParameterKind.View)
            {
                (long First, long Length) place =
                    (argument.ByteOffset / KernelBinding.TypeOf(call, parameter).SizeInBytes(), argument.Length);
                SetArgument(index++, (nuint)sizeof((long, long)), &place, parameter);
            }
            else
            {
                // Low bytes come first, in the scalar's bits and on every device that is listed.
                ulong bits = argument.Bits;
                SetArgument(index++, (nuint)KernelBinding.TypeOf(call, parameter).SizeInBytes(), &bits, parameter);
            }
        }
    }

    private void SetArgument(uint index, nuint size, void* value, KernelParameter parameter) => OpenClError.Check(
        OpenClApi.SetKernelArg(handle, index, size, value),
        "clSetKernelArg",
        device,
        $"It set argument {index}, parameter {parameter.Name} of {Where}, with {size} bytes.");

    private void CheckGroupSize()
    {
        nuint limit;
        int code = OpenClApi.GetKernelWorkGroupInfo(handle, device.Handle, KernelWorkGroupSize, (nuint)sizeof(nuint), &limit, null);
        OpenClError.Check(code, "clGetKernelWorkGroupInfo", device, $"The kernel is {Where}.");
        if ((nuint)Shape.GroupSize > limit)
        {
            throw new DeviceException(
                $"{device} runs {Where} in groups of at most {limit} work-items (registers and local memory set that), "
                    + $"and {Shape.GroupSize} were asked for.");
        }
    }
}
