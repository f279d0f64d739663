using System.Diagnostics;
using Engine.Devices;
using Engine.Graph.Passes;
using Engine.Kernels;

namespace Engine.Graph;

/// <summary>
/// A step ready to run: every launch bound and recorded. Replaying it allocates nothing managed and looks nothing up; on a device with
/// graphs it is one driver call.
/// </summary>
internal sealed class Plan : IDisposable
{
    private readonly Device device;
    private readonly Launch[] launches;
    private readonly Recording recording;

    /// <summary>What a profiled replay times, made for the first one.</summary>
    private readonly Lazy<ProfiledWork[]> profiled;
    private readonly PlanMemory memory;

    /// <summary>The class of <see cref="ServedTensors"/> of each launch; empty where the plan only ever runs whole.</summary>
    private readonly int[] classes;
    private readonly ServedTensors? served;
    private readonly bool[] marked;

    /// <summary>Whether the recording runs whole.</summary>
    private bool whole = true;

    private Plan(
        Device device, Launch[] launches, IReadOnlyList<NodeLaunches> nodes, PlanMemory memory, int[] classes, ServedTensors? served)
    {
        this.device = device;
        this.launches = launches;
        recording = device.Record(launches, memory.Buffers);
        profiled = new Lazy<ProfiledWork[]>(() => [.. nodes.SelectMany(node => ProfiledWork.Of(node, launches))]);
        this.memory = memory;
        this.classes = classes;
        this.served = served;
        marked = new bool[served?.ClassCount ?? 0];
    }

    /// <summary>Number of launches of one replay.</summary>
    public int Launches => launches.Length;

    /// <summary>What one replay runs, in its order, with what it costs.</summary>
    public IReadOnlyList<ProfiledWork> Work => profiled.Value;

    /// <summary>Binds a layout's launches to an arena of at least <see cref="PlanLayout.ArenaBytes"/> bytes.</summary>
    /// <param name="tensors">The trainable tensors of which replays may serve a part (<see cref="ActiveSet"/>); null: every replay runs the
    /// whole plan.</param>
    public static Plan Create(Device device, PlanLayout layout, DeviceBuffer arena, IReadOnlyList<Variable>? tensors = null)
    {
        if (arena.Bytes < layout.ArenaBytes)
        {
            throw new ArgumentException($"The plan needs an arena of {layout.ArenaBytes} bytes; this one has {arena.Bytes}.");
        }

        var memory = new PlanMemory(layout, arena);
        var launches = new List<Launch>();
        var nodes = new List<NodeLaunches>();
        var classes = new List<int>();
        ServedTensors? served = tensors is null ? null : new ServedTensors(layout, tensors);
        try
        {
            using (device.BindTogether())
            {
                for (int i = 0; i < layout.Nodes.Count; i++)
                {
                    Node node = layout.Nodes[i];
                    int before = launches.Count;
                    node.Operator.Lower(new Lowering(device, node, memory, launches));
                    if (served is not null)
                    {
                        classes.AddRange(Enumerable.Repeat(served.ClassOfNode(i), launches.Count - before));
                    }

                    nodes.Add(new NodeLaunches(node, before, launches.Count));
                }
            }

            return new Plan(device, [.. launches], nodes, memory, [.. classes], served);
        }
        catch
        {
            launches.ForEach(launch => launch.Dispose());
            throw;
        }
    }

    /// <summary>Enqueues every launch, or those that work for the active tensors.</summary>
    /// <param name="active">A set of the tensors the plan was created with; null: all.</param>
    /// <param name="profile">Each launch then runs by itself and its time is added here.</param>
    /// <exception cref="ObjectDisposedException">The plan, its device, the arena or a variable's memory is disposed.</exception>
    public void Replay(ActiveSet? active = null, Profile? profile = null)
    {
        Mark(active);
        if (profile is null)
        {
            Select(active);
            recording.Replay();
            return;
        }

        device.Synchronize();
        foreach (ProfiledWork work in Work)
        {
            if (Runs(work.Launch, active))
            {
                long start = Stopwatch.GetTimestamp();
                recording.Replay(work.Launch, work.Part);
                device.Synchronize();
                profile.Add(work, Stopwatch.GetElapsedTime(start));
            }
        }
    }

    /// <summary>The memory of an output of the graph; its content is that of the last replay until another plan uses the arena.</summary>
    public BufferView<T> Output<T>(Tensor tensor)
        where T : unmanaged => memory.View<T>(tensor);

    public void Dispose()
    {
        recording.Dispose();
        foreach (Launch launch in launches)
        {
            launch.Dispose();
        }
    }

    /// <summary>The launches of one replay that a set leaves.</summary>
    public int CountLaunches(ActiveSet active)
    {
        Mark(active);
        return Enumerable.Range(0, launches.Length).Count(i => Runs(i, active));
    }

    private void Select(ActiveSet? active)
    {
        if (active is null && whole)
        {
            return;
        }

        for (int i = 0; i < launches.Length; i++)
        {
            recording.Select(i, Runs(i, active));
        }

        whole = active is null;
    }

    private void Mark(ActiveSet? active)
    {
        if (active is null)
        {
            return;
        }

        if (served is null || served.Tensors != active.Tensors)
        {
            throw new ArgumentException("A plan runs in part only for a set of the tensors it was created with.", nameof(active));
        }

        served.Mark(active, marked);
    }

    private bool Runs(int launch, ActiveSet? active) => active is null || classes[launch] < 0 || marked[classes[launch]];
}

/// <summary>Resolves a plan's tensors to memory while its launches are bound.</summary>
internal sealed class PlanMemory(PlanLayout layout, DeviceBuffer arena)
{
    private readonly HashSet<DeviceBuffer> buffers = [arena];

    /// <summary>All memory that was resolved so far.</summary>
    public IReadOnlyCollection<DeviceBuffer> Buffers => buffers;

    public BufferView<T> View<T>(Tensor tensor)
        where T : unmanaged
    {
        if (tensor.Variable is { } variable)
        {
            buffers.Add(variable.Block.Buffer);
            return variable.View<T>();
        }

        if (!layout.Offsets.TryGetValue(tensor, out long offset))
        {
            throw new InvalidOperationException($"{tensor} is not computed by this plan; mark it as an output of the graph.");
        }

        return arena.View<T>(offset, tensor.Shape.Count);
    }

    public WeightView Weight(Tensor tensor)
    {
        if (tensor.Variable is { } variable)
        {
            buffers.Add(variable.Block.Buffer);
            return variable.Weight();
        }

        return View<float>(tensor);
    }

    public BufferView<float> Workspace(Node node) => layout.Workspaces.TryGetValue(node, out (long Offset, long Bytes) slot)
        ? arena.View<float>(slot.Offset, slot.Bytes / sizeof(float))
        : arena.View<float>(0, 0);

    public bool SharesMemory(Tensor a, Tensor b) =>
        a.Variable is null && b.Variable is null && layout.Offsets[a] == layout.Offsets[b];
}
