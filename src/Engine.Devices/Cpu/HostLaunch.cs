namespace Engine.Devices.Cpu;

/// <summary>
/// Vectorised host code behind an operator: the cpu device's form of a kernel. Pointers are taken when the launch is made
/// (<see cref="CpuDevice.Pointer{T}"/>); <see cref="Execute"/> allocates nothing.
/// </summary>
public abstract class HostLaunch : Launch
{
    protected HostLaunch(CpuDevice device) => Device = device;

    protected CpuDevice Device { get; }

    public override void Enqueue() => Execute(Device.Threads);

    /// <summary>Does the work, usually by one or more calls of <see cref="HostThreads.For"/>.</summary>
    protected abstract void Execute(HostThreads threads);
}

/// <summary>A compiled kernel run by its managed work-group function, groups in parallel.</summary>
internal sealed class ManagedLaunch(CpuDevice device, KernelCall call) : HostLaunch(device), IHostBody
{
    private readonly LaunchShape shape = call.Shape;

    public override string Name => call.Definition.Name;

    public void Run(int piece, int worker)
    {
        int x = piece % shape.GroupsX;
        int rest = piece / shape.GroupsX;
        call.RunGroup(x, rest % shape.GroupsY, rest / shape.GroupsY);
    }

    protected override void Execute(HostThreads threads) =>
        threads.For(checked(shape.GroupsX * shape.GroupsY * shape.GroupsZ), this);
}
