namespace Engine.Devices.Cuda;

/// <summary>
/// Launches as one CUDA graph, captured from the stream, so that what libraries enqueue is part of it: a replay is one driver call, and a
/// launch is left out by disabling all of its nodes.
/// </summary>
internal sealed unsafe class CudaRecording : Recording, ICudaResource
{
    /// <summary><c>CU_STREAM_CAPTURE_MODE_THREAD_LOCAL</c>: other threads' calls are theirs.</summary>
    private const int ThreadLocal = 1;
    private const int CaptureActive = 1;

    private readonly CudaDevice device;
    private readonly ICudaWork[] launches;

    /// <summary>The <c>CUgraphNode</c>s of each launch; none of one without groups, which is no work.</summary>
    private readonly nint[][] nodes;
    private readonly DeviceBuffer[] buffers;
    private nint graph;
    private nint executable;

    public CudaRecording(CudaDevice device, IReadOnlyList<Launch> recorded, DeviceBuffer[] watched)
        : base(device, recorded, watched)
    {
        this.device = device;
        launches = [.. recorded.Select(Own)];
        nodes = new nint[launches.Length][];
        buffers = [.. launches.SelectMany(launch => launch.Buffers).Distinct()];
        device.MakeCurrent();
        graph = Capture();
        try
        {
            nint created;
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
        if (nodes[launch].Length > 0)
        {
            device.MakeCurrent();
        }

        for (int i = 0; i < nodes[launch].Length; i++)
        {
            device.Check(CudaApi.GraphNodeSetEnabled(executable, nodes[launch][i], runs ? 1u : 0u), "cuGraphNodeSetEnabled");
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
            throw device.Failure(
                code, "cuGraphLaunch", $"The graph has {launches.Length} launches, {launches.FirstOrDefault()?.Name} the first.");
        }
    }

    private protected override void Release() => device.Free(this);

    /// <summary>Enqueues every launch on the stream while it captures, so that nothing runs; gives the graph.</summary>
    private nint Capture()
    {
        device.Capturing = true;
        try
        {
            return CaptureFromStream();
        }
        finally
        {
            device.Capturing = false;
        }
    }

    private nint CaptureFromStream()
    {
        device.Check(CudaApi.StreamBeginCapture(device.Stream, ThreadLocal), "cuStreamBeginCapture");
        nint captured = 0;
        int code;
        bool whole = false;
        try
        {
            var known = new HashSet<nint>();
            for (int i = 0; i < launches.Length; i++)
            {
                launches[i].Enqueue();
                nodes[i] = [.. CapturedNodes().Where(known.Add)];
            }

            whole = true;
        }
        finally
        {
            code = CudaApi.StreamEndCapture(device.Stream, &captured);
            if (!whole && captured != 0)
            {
                CudaApi.GraphDestroy(captured);
            }
        }

        device.Check(code, "cuStreamEndCapture");
        return captured;
    }

    /// <summary>
    /// All nodes captured so far. Walking back along their dependencies would not do: a library may join its kernels by programmatic edges,
    /// which the driver's older queries refuse to show.
    /// </summary>
    private nint[] CapturedNodes()
    {
        int status;
        nint captured;
        device.Check(CudaApi.StreamGetCaptureInfo(device.Stream, &status, null, &captured, null, null), "cuStreamGetCaptureInfo");
        if (status != CaptureActive)
        {
            // It was invalidated, which its end reports.
            return [];
        }

        nuint count = 0;
        device.Check(CudaApi.GraphGetNodes(captured, null, &count), "cuGraphGetNodes");
        var found = new nint[count];
        fixed (nint* first = found)
        {
            device.Check(CudaApi.GraphGetNodes(captured, first, &count), "cuGraphGetNodes");
        }

        return found;
    }

    private ICudaWork Own(Launch launch) => launch is ICudaWork own && launch.IsOf(device)
        ? own
        : throw new ArgumentException($"The launch of {launch.Name} is not one of {device}.", nameof(launch));
}
