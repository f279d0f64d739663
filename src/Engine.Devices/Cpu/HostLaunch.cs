namespace Engine.Devices.Cpu;

/// <summary>
/// Vectorised host code behind an operator: the cpu device's form of a kernel. Pointers are taken when the launch is made
/// (<see cref="CpuDevice.Pointer{T}"/>); <see cref="Execute"/> allocates nothing. The buffers must outlive the launch.
/// </summary>
internal abstract class HostLaunch : Launch
{
    protected HostLaunch(CpuDevice device, WorkCost? cost = null)
        : base(device, cost) => Device = device;

    protected CpuDevice Device { get; }

    /// <summary>Does the work, usually by one or more calls of <see cref="HostThreads.For"/>.</summary>
    protected abstract void Execute(HostThreads threads);

    private protected sealed override void EnqueueCore() => Execute(Device.Threads);
}

/// <summary>A compiled kernel run by its managed work-group function, groups in parallel.</summary>
internal sealed class ManagedLaunch : HostLaunch, IHostBody
{
    private readonly KernelCall call;
    private readonly DeviceBuffer[] buffers;
    private readonly int groups;

    public ManagedLaunch(CpuDevice device, KernelCall call)
        : base(device, KernelBinding.Cost(call))
    {
        this.call = call;
        buffers = KernelBinding.Buffers(call);
        groups = checked(call.Shape.GroupsX * call.Shape.GroupsY * call.Shape.GroupsZ);
    }

    public override string Name => call.Definition.Name;

    internal override string Variant => KernelBinding.Text(call.Definition, call.Variant);

    public void Run(int piece, int worker)
    {
        int x = piece % call.Shape.GroupsX;
        int rest = piece / call.Shape.GroupsX;
        int y = rest % call.Shape.GroupsY;
        int z = rest / call.Shape.GroupsY;
        try
        {
            call.RunGroup(x, y, z);
        }
        catch (DeviceException fault)
        {
            throw new DeviceException(
                $"{call.Definition.Name} ({call.Definition.Location}), group ({x}, {y}, {z}): {fault.Message}", fault);
        }
    }

    protected override void Execute(HostThreads threads)
    {
        KernelBinding.CheckAlive(call.Definition, buffers);
        threads.For(groups, this);
    }
}
