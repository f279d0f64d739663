namespace Engine.Devices.Programs;

/// <summary>A kernel of a driver: its program may still be on the way when it is bound.</summary>
/// <param name="device">The device it runs on.</param>
/// <param name="program">The driver's program of the call's variant.</param>
/// <param name="call">Kernel, arguments and shape.</param>
internal abstract class CompiledLaunch(Device device, Task<nint> program, KernelCall call)
    : Launch(device, KernelBinding.Cost(call))
{
    private readonly KernelVariant variant = call.Variant;
    private readonly DeviceBuffer[] buffers = KernelBinding.Buffers(call);

    /// <summary>What the launch is made of; null once it is made.</summary>
    private volatile Pending? pending = new(program, call);

    public override string Name => Kernel.Name;

    internal override string Variant => KernelBinding.Text(Kernel, variant);

    /// <summary>The distinct buffers that the launch is bound to.</summary>
    public IReadOnlyList<DeviceBuffer> Buffers => buffers;

    protected KernelDefinition Kernel { get; } = call.Definition;

    protected LaunchShape Shape { get; } = call.Shape;

    protected string Where => $"{Kernel.Name} ({Kernel.Location})";

    private bool HasNoGroups => Shape.GroupsX == 0 || Shape.GroupsY == 0 || Shape.GroupsZ == 0;

    /// <summary>Refuses a launch one of whose buffers is gone; allocates nothing.</summary>
    public void CheckAlive() => KernelBinding.CheckAlive(Kernel, buffers);

    internal sealed override void WaitForProgram()
    {
        if (pending is { } made)
        {
            // Does not throw what the task threw.
            Task.WaitAny(made.Program);
        }
    }

    internal sealed override void CompleteCore()
    {
        if (pending is { } made)
        {
            Make(made.Program.GetAwaiter().GetResult(), made.Call);
            pending = null;
        }
    }

    private protected sealed override void EnqueueCore()
    {
        CompleteCore();
        CheckAlive();
        if (!HasNoGroups)
        {
            Run();
        }
    }

    /// <summary>Makes what the driver needs to run the kernel, and fills in its arguments.</summary>
    private protected abstract void Make(nint program, KernelCall call);

    /// <summary>Puts the kernel on the queue; there are groups.</summary>
    private protected abstract void Run();

    private sealed record Pending(Task<nint> Program, KernelCall Call);
}
