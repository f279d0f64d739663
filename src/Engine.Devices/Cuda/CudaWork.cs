namespace Engine.Devices.Cuda;

/// <summary>Work on a card's stream, which a recording captures: what a launch of a <see cref="CudaDevice"/> is.</summary>
internal interface ICudaWork
{
    string Name { get; }

    /// <summary>The distinct buffers that it is bound to.</summary>
    IReadOnlyList<DeviceBuffer> Buffers { get; }

    /// <summary>Refuses to run where one of the buffers is gone; allocates nothing.</summary>
    void CheckAlive();

    void Enqueue();
}

/// <summary>Launches that belong together, one after another: a product by a library with the kernels before and after it.</summary>
/// <param name="device">The device of all.</param>
/// <param name="name">What profiles and errors show.</param>
/// <param name="library">The library that does the main part.</param>
/// <param name="launches">Each a work of the device.</param>
internal sealed class CudaSequence(CudaDevice device, string name, string? library, Launch[] launches) : Launch(device), ICudaWork
{
    private readonly ICudaWork[] works = [.. launches.Cast<ICudaWork>()];

    public override string Name => name;

    public override string? Library => library;

    internal override IReadOnlyList<Launch> Parts => launches;

    public IReadOnlyList<DeviceBuffer> Buffers { get; } = [.. launches.Cast<ICudaWork>().SelectMany(work => work.Buffers).Distinct()];

    public void CheckAlive() => Array.ForEach(works, work => work.CheckAlive());

    protected override void Release() => Array.ForEach(launches, launch => launch.Dispose());

    internal override void WaitForProgram() => Array.ForEach(launches, launch => launch.WaitForProgram());

    internal override void CompleteCore() => Array.ForEach(launches, launch => launch.CompleteCore());

    private protected override void EnqueueCore()
    {
        foreach (Launch launch in launches)
        {
            launch.Enqueue();
        }
    }
}
