using Engine.Devices;
using Engine.Graph.Passes;

namespace Engine.Graph;

/// <summary>
/// Where every computed tensor of a step lies in the arena. Made without touching device memory, so that a run's need is known
/// to the byte before anything is allocated.
/// </summary>
internal sealed class PlanLayout
{
    internal PlanLayout(
        IReadOnlyList<Node> nodes,
        IReadOnlyList<Tensor> outputs,
        Dictionary<Tensor, long> offsets,
        Dictionary<Node, (long Offset, long Bytes)> workspaces,
        long arenaBytes,
        long liveBytes)
    {
        Nodes = nodes;
        Outputs = [.. outputs];
        Offsets = offsets;
        Workspaces = workspaces;
        ArenaBytes = arenaBytes;
        LiveBytes = liveBytes;
    }

    /// <summary>The nodes in the order in which they run.</summary>
    public IReadOnlyList<Node> Nodes { get; }

    /// <summary>Bytes the arena must have.</summary>
    public long ArenaBytes { get; }

    /// <summary>The most bytes that are alive at once: no placement needs fewer.</summary>
    public long LiveBytes { get; }

    /// <summary>Tensors that are read after a replay.</summary>
    internal HashSet<Tensor> Outputs { get; }

    internal Dictionary<Tensor, long> Offsets { get; }

    internal Dictionary<Node, (long Offset, long Bytes)> Workspaces { get; }
}

/// <summary>Gives every intermediate an offset in one arena by its lifetime.</summary>
internal static class Planner
{
    /// <summary>Lays out the live part of a graph for a device (whose features decide the kernels' scratch memory).</summary>
    public static PlanLayout Layout(Device device, GraphBuilder graph)
    {
        List<Node> nodes = Liveness.LiveNodes(graph);
        var lastUse = new Dictionary<Tensor, int>();
        for (int i = 0; i < nodes.Count; i++)
        {
            foreach (Tensor tensor in nodes[i].Inputs.Concat(nodes[i].Outputs))
            {
                lastUse[tensor] = i;
            }
        }

        foreach (Tensor output in graph.Outputs)
        {
            lastUse[output] = nodes.Count;
        }

        var slots = new List<Slot>();
        var slotOf = new Dictionary<Tensor, Slot>();
        var workspaceOf = new Dictionary<Node, Slot>();
        for (int i = 0; i < nodes.Count; i++)
        {
            Node node = nodes[i];
            for (int output = 0; output < node.Outputs.Count; output++)
            {
                Tensor tensor = node.Outputs[output];
                Slot? slot = output == 0 ? TakenOver(node, i, lastUse, slotOf) : null;
                if (slot is null)
                {
                    slot = new Slot(tensor.Bytes, i, slots.Count);
                    slots.Add(slot);
                }

                slot.Last = Math.Max(slot.Last, lastUse[tensor]);
                slotOf.Add(tensor, slot);
            }

            long workspace = node.Operator.WorkspaceBytes(device, node);
            if (workspace > 0)
            {
                var slot = new Slot(workspace, i, slots.Count) { Last = i };
                slots.Add(slot);
                workspaceOf.Add(node, slot);
            }
        }

        long arenaBytes = Place(slots);
        return new PlanLayout(
            nodes,
            graph.Outputs,
            slotOf.ToDictionary(pair => pair.Key, pair => pair.Value.Offset),
            workspaceOf.ToDictionary(pair => pair.Key, pair => (pair.Value.Offset, pair.Value.Bytes)),
            arenaBytes,
            MostLive(slots, nodes.Count));
    }

    private static long MostLive(List<Slot> slots, int nodes)
    {
        var change = new long[nodes + 2];
        foreach (Slot slot in slots)
        {
            change[slot.First] += Align(slot.Bytes);
            change[slot.Last + 1] -= Align(slot.Bytes);
        }

        long live = 0, most = 0;
        foreach (long bytes in change)
        {
            live += bytes;
            most = Math.Max(most, live);
        }

        return most;
    }

    /// <summary>The memory of the node's in-place input, where this node is the last to read it.</summary>
    private static Slot? TakenOver(Node node, int index, Dictionary<Tensor, int> lastUse, Dictionary<Tensor, Slot> slotOf)
    {
        int input = node.Operator.InPlaceInput;
        if (input < 0)
        {
            return null;
        }

        Tensor tensor = node.Inputs[input];
        bool dies = tensor.Variable is null && lastUse[tensor] == index && slotOf[tensor].Last == index;
        return dies && tensor.Bytes == node.Outputs[0].Bytes && node.Inputs.Count(other => other == tensor) == 1 ? slotOf[tensor] : null;
    }

    /// <summary>Largest first, each at the lowest offset that is free for its whole life.</summary>
    private static long Place(List<Slot> slots)
    {
        long total = 0;
        var placed = new List<Slot>(slots.Count);
        foreach (Slot slot in slots.OrderByDescending(slot => slot.Bytes).ThenBy(slot => slot.Order))
        {
            long offset = 0;
            foreach (Slot other in placed)
            {
                if (other.First <= slot.Last && slot.First <= other.Last)
                {
                    if (offset + slot.Bytes <= other.Offset)
                    {
                        break;
                    }

                    offset = Math.Max(offset, Align(other.Offset + other.Bytes));
                }
            }

            slot.Offset = offset;
            int position = placed.FindIndex(other => other.Offset > offset);
            placed.Insert(position < 0 ? placed.Count : position, slot);
            total = Math.Max(total, offset + slot.Bytes);
        }

        return Align(total);
    }

    private static long Align(long bytes) => (bytes + Device.Alignment - 1) / Device.Alignment * Device.Alignment;

    private sealed class Slot(long bytes, int first, int order)
    {
        public long Bytes { get; } = bytes;

        public int First { get; } = first;

        public int Order { get; } = order;

        public int Last { get; set; } = first;

        public long Offset { get; set; }
    }
}
