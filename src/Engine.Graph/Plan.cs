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
    private readonly string[] operators;
    private readonly NodeCost[] costs;
    private readonly PlanMemory memory;

    /// <summary>The class of <see cref="ServedTensors"/> of each launch; empty where the plan only ever runs whole.</summary>
    private readonly int[] classes;
    private readonly ServedTensors? served;
    private readonly bool[] marked;

    /// <summary>Whether the recording runs whole.</summary>
    private bool whole = true;

    private Plan(
        Device device, Launch[] launches, string[] operators, NodeCost[] costs, PlanMemory memory, int[] classes, ServedTensors? served)
    {
        this.device = device;
        this.launches = launches;
        recording = device.Record(launches, memory.Buffers);
        this.operators = operators;
        this.costs = costs;
        this.memory = memory;
        this.classes = classes;
        this.served = served;
        marked = new bool[served?.ClassCount ?? 0];
    }

    /// <summary>Number of launches of one replay.</summary>
    public int Launches => launches.Length;

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
        var operators = new List<string>();
        var costs = new List<NodeCost>();
        var classes = new List<int>();
        ServedTensors? served = tensors is null ? null : new ServedTensors(layout, tensors);
        try
        {
            using (device.BindTogether())
            {
                for (int i = 0; i < layout.Nodes.Count; i++)
                {
                    Node node = layout.Nodes[i];
                    node.Operator.Lower(new Lowering(device, node, memory, launches));
                    if (served is not null)
                    {
                        classes.AddRange(Enumerable.Repeat(served.ClassOfNode(i), launches.Count - operators.Count));
                    }

                    if (launches.Count > operators.Count)
                    {
                        costs.Add(NodeCost.Of(node));
                        costs.AddRange(Enumerable.Repeat(default(NodeCost), launches.Count - costs.Count));
                    }

                    string? library = launches.Skip(operators.Count)
                        .Select(launch => launch.Library).FirstOrDefault(name => name is not null);
                    operators.AddRange(
                        Enumerable.Repeat(
                            library is null ? node.Operator.Name : $"{node.Operator.Name} {library}", launches.Count - operators.Count));
                }
            }

            return new Plan(device, [.. launches], [.. operators], [.. costs], memory, [.. classes], served);
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
        for (int i = 0; i < launches.Length; i++)
        {
            if (!Runs(i, active))
            {
                continue;
            }

            long start = Stopwatch.GetTimestamp();
            recording.Replay(i);
            device.Synchronize();
            profile.Add(operators[i], Stopwatch.GetElapsedTime(start), costs[i]);
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

/// <summary>
/// What a node cannot do without: bytes to move, and operations of its matrix products. Of a node of several launches the first counts for
/// all.
/// </summary>
internal readonly record struct NodeCost(long Bytes, double Operations)
{
    internal static NodeCost Of(Node node) => new(node.Operator.MovedBytes(node), node.Operator.ProductOperations(node));

    public static NodeCost operator +(NodeCost a, NodeCost b) => new(a.Bytes + b.Bytes, a.Operations + b.Operations);
}

/// <summary>One operator's part of a profile.</summary>
/// <param name="Calls">Its launches.</param>
/// <param name="Time">The time of these, each by itself.</param>
/// <param name="Cost">What they cannot do without.</param>
internal sealed record OperatorProfile(string Operator, long Calls, TimeSpan Time, NodeCost Cost);

/// <summary>Time by operator over profiled replays, of several threads too.</summary>
internal sealed class Profile
{
    private readonly Lock gate = new();
    private readonly Dictionary<string, OperatorProfile> operators = [];

    /// <summary>The operators, the longest first.</summary>
    public IReadOnlyList<OperatorProfile> Rows
    {
        get
        {
            lock (gate)
            {
                return [.. operators.Values.OrderByDescending(row => row.Time)];
            }
        }
    }

    /// <summary>Adds one launch of an operator.</summary>
    public void Add(string @operator, TimeSpan time, NodeCost cost)
    {
        lock (gate)
        {
            OperatorProfile sum = operators.GetValueOrDefault(@operator) ?? new OperatorProfile(@operator, 0, TimeSpan.Zero, default);
            operators[@operator] = sum with { Calls = sum.Calls + 1, Time = sum.Time + time, Cost = sum.Cost + cost };
        }
    }
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
