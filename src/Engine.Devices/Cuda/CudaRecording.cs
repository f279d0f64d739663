namespace Engine.Devices.Cuda;

/// <summary>Launches as one CUDA graph, each after the one before it: a replay is one driver call, and a launch is left out by disabling its node.</summary>
internal sealed unsafe class CudaRecording : Recording, ICudaResource
{
    private readonly CudaDevice device;
    private readonly CudaLaunch[] launches;

    /// <summary>The <c>CUgraphNode</c> of each launch; 0 of one without groups, which is no work.</summary>
    private readonly nint[] nodes;
    private readonly DeviceBuffer[] buffers;
    private nint graph;
    private nint executable;

    public CudaRecording(CudaDevice device, IReadOnlyList<Launch> recorded, DeviceBuffer[] watched)
        : base(device, recorded, watched)
    {
        this.device = device;
        launches = [.. recorded.Select(Own)];
        nodes = new nint[launches.Length];
        buffers = [.. launches.SelectMany(launch => launch.Buffers).Distinct()];
        device.MakeCurrent();
        nint created;
        device.Check(CudaApi.GraphCreate(&created, 0), "cuGraphCreate");
        graph = created;
        try
        {
            nint last = 0;
            for (int i = 0; i < launches.Length; i++)
            {
                nodes[i] = launches[i].AddTo(graph, last);
                last = nodes[i] == 0 ? last : nodes[i];
            }

            device.Check(CudaApi.GraphInstantiate(&created, graph, 0), "cuGraphInstantiateWithFlags");
            executable = created;
        }
        catch
        {
            Free();
            throw;
        }

        device.Own(this);
    }

    /// <summary>Frees the graph, when it runs no more.</summary>
    public void Free()
    {
        if (executable != 0)
        {
            device.CheckRelease(CudaApi.StreamSynchronize(device.Stream), "cuStreamSynchronize");
            device.CheckRelease(CudaApi.GraphExecutableDestroy(executable), "cuGraphExecDestroy");
        }

        device.CheckRelease(CudaApi.GraphDestroy(graph), "cuGraphDestroy");
        (graph, executable) = (0, 0);
    }

    private protected override void SelectCore(int launch, bool runs)
    {
        device.ThrowIfDisposed();
        if (nodes[launch] != 0)
        {
            device.MakeCurrent();
            device.Check(CudaApi.GraphNodeSetEnabled(executable, nodes[launch], runs ? 1u : 0u), "cuGraphNodeSetEnabled");
        }
    }

    private protected override void ReplayCore()
    {
        for (int i = 0; i < buffers.Length; i++)
        {
            if (buffers[i].IsDisposed)
            {
                // The launch that is bound to it says so, with its kernel's name.
                Array.ForEach(launches, launch => launch.CheckAlive());
            }
        }

        device.MakeCurrent();
        int code = CudaApi.GraphLaunch(executable, device.Stream);
        if (code != CudaError.Success)
        {
            throw device.Failure(code, "cuGraphLaunch", $"The graph has {launches.Length} launches, {launches.FirstOrDefault()?.Name} the first.");
        }
    }

    private protected override void Release() => device.Free(this);

    private CudaLaunch Own(Launch launch) => launch is CudaLaunch own && own.IsOf(device)
        ? own
        : throw new ArgumentException($"The launch of {launch.Name} is not one of {device}.", nameof(launch));
}
