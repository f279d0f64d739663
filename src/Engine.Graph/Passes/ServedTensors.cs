namespace Engine.Graph.Passes;

/// <summary>
/// For whom a node works: the trainable tensors whose gradients it leads to or whose update it is. Nodes with the same tensors share a
/// class; a node that something else reads too (an output of the graph, a loss, a norm over everything) is in none and always runs.
/// </summary>
internal sealed class ServedTensors
{
    private const int Everyone = -1;
    private readonly List<ulong[]> classes = [];
    private readonly int[] classOfNode;

    /// <param name="tensors">The trainable tensors by their number in an <see cref="ActiveSet"/>.</param>
    public ServedTensors(PlanLayout layout, IReadOnlyList<Variable> tensors)
    {
        Tensors = tensors;
        classOfNode = new int[layout.Nodes.Count];
        int words = ActiveSet.WordsFor(tensors.Count);
        var readBy = new Dictionary<Tensor, Served>();
        for (int index = layout.Nodes.Count - 1; index >= 0; index--)
        {
            Node node = layout.Nodes[index];
            var served = new Served(new ulong[words]);
            foreach (Tensor output in node.Outputs)
            {
                served.Everyone |= layout.Outputs.Contains(output);
                if (readBy.TryGetValue(output, out Served? readers))
                {
                    served.Add(readers);
                }
            }

            if (node.Operator.HasEffects)
            {
                AddEffects(node, served);
            }

            foreach (Tensor input in node.Inputs)
            {
                if (!readBy.TryGetValue(input, out Served? readers))
                {
                    readBy.Add(input, readers = new Served(new ulong[words]));
                }

                readers.Add(served);
            }

            classOfNode[index] = served.Everyone ? Everyone : ClassOf(served.Tensors);
        }
    }

    public IReadOnlyList<Variable> Tensors { get; }

    public int ClassCount => classes.Count;

    /// <summary>The class of a node of the layout; negative: it always runs.</summary>
    public int ClassOfNode(int node) => classOfNode[node];

    /// <summary>Writes which classes have work for a set; allocates nothing.</summary>
    public void Mark(ActiveSet active, bool[] marked)
    {
        for (int i = 0; i < classes.Count; i++)
        {
            marked[i] = active.Intersects(classes[i]);
        }
    }

    /// <summary>A node that touches gradients of trainable tensors works for these; any other effect is for everyone.</summary>
    private void AddEffects(Node node, Served served)
    {
        bool touches = false;
        foreach (Tensor input in node.Inputs)
        {
            for (int i = 0; i < Tensors.Count && input.Variable is not null; i++)
            {
                if (Tensors[i].Gradient is { } gradient && gradient.Overlaps(input.Variable))
                {
                    served.Tensors[i / 64] |= 1UL << (i % 64);
                    touches = true;
                }
            }
        }

        served.Everyone |= !touches;
    }

    private int ClassOf(ulong[] tensors)
    {
        int found = classes.FindIndex(other => other.AsSpan().SequenceEqual(tensors));
        if (found < 0)
        {
            found = classes.Count;
            classes.Add(tensors);
        }

        return found;
    }

    private sealed class Served(ulong[] tensors)
    {
        public ulong[] Tensors { get; } = tensors;

        public bool Everyone { get; set; }

        public void Add(Served other)
        {
            Everyone |= other.Everyone;
            for (int i = 0; i < Tensors.Length; i++)
            {
                Tensors[i] |= other.Tensors[i];
            }
        }
    }
}
