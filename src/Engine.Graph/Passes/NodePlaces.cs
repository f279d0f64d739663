namespace Engine.Graph.Passes;

/// <summary>
/// The nodes of a graph in their order while single ones are replaced or removed: no other node moves and readers stay known, so that a
/// change costs what it touches, whatever the length of the graph. A node with effects stays where it is.
/// </summary>
internal sealed class NodePlaces
{
    private readonly Node?[] nodes;
    private readonly Dictionary<Node, int> placeOf;
    private readonly Dictionary<Tensor, List<Node?>> readers;

    /// <summary>The places of nodes with effects, ascending.</summary>
    private readonly List<int> effects = [];

    /// <param name="nodes">The live nodes in their order.</param>
    /// <param name="outputs">The graph's outputs, which count as read.</param>
    public NodePlaces(IReadOnlyList<Node> nodes, IReadOnlyList<Tensor> outputs)
    {
        this.nodes = [.. nodes];
        placeOf = new Dictionary<Node, int>(nodes.Count);
        readers = Liveness.Readers(outputs, nodes);
        for (int place = 0; place < nodes.Count; place++)
        {
            placeOf.Add(nodes[place], place);
            if (nodes[place].Operator.HasEffects)
            {
                effects.Add(place);
            }
        }
    }

    /// <summary>The nodes that are left, in their order.</summary>
    public List<Node> Nodes => [.. nodes.OfType<Node>()];

    /// <summary>Who reads a computed tensor, as <see cref="Liveness.Readers"/> lists them.</summary>
    public IReadOnlyList<Node?> Readers(Tensor tensor) => readers.GetValueOrDefault(tensor) ?? [];

    /// <summary>Puts a node without effects where another without effects was; both compute the tensors they share.</summary>
    public void Replace(Node old, Node replacement)
    {
        int place = Take(old);
        nodes[place] = replacement;
        placeOf.Add(replacement, place);
        foreach (Tensor input in Computed(replacement))
        {
            readers[input].Add(replacement);
        }
    }

    /// <summary>Takes out a node without effects.</summary>
    public void Remove(Node node) => nodes[Take(node)] = null;

    /// <summary>
    /// Whether something after the first node and before the last writes a variable that the first reads: then it cannot run later.
    /// </summary>
    public bool IsWrittenBetween(Node first, Node last)
    {
        int end = placeOf[last];
        int from = effects.BinarySearch(placeOf[first]);
        for (int i = from < 0 ? ~from : from + 1; i < effects.Count && effects[i] < end; i++)
        {
            foreach (Tensor touched in nodes[effects[i]]!.Inputs)
            {
                if (touched.Variable is { } variable && first.Inputs.Any(input => input.Variable is { } read && read.Overlaps(variable)))
                {
                    return true;
                }
            }
        }

        return false;
    }

    private int Take(Node node)
    {
        foreach (Tensor input in Computed(node))
        {
            readers[input].Remove(node);
        }

        placeOf.Remove(node, out int place);
        return place;
    }

    /// <summary>A node's inputs without variables: nobody asks who reads those, and some have readers all over the graph.</summary>
    private static IEnumerable<Tensor> Computed(Node node) => node.Inputs.Where(input => input.Variable is null);
}
