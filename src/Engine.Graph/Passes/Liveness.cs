namespace Engine.Graph.Passes;

/// <summary>Which nodes a step needs, who reads a tensor, and an order in which every node follows what it reads.</summary>
internal static class Liveness
{
    /// <summary>The nodes on which an output or a variable's new value depends, each after the nodes it reads from.</summary>
    public static List<Node> LiveNodes(GraphBuilder graph)
    {
        HashSet<Node> needed = WithAncestors(
            graph.Nodes.Where(node => node.Operator.HasEffects || node.Outputs.Any(graph.Outputs.Contains)), _ => true);
        var ordered = new List<Node>(needed.Count);
        var placed = new HashSet<Node>();
        foreach (Node node in graph.Nodes)
        {
            if (needed.Contains(node))
            {
                Place(node, ordered, placed);
            }
        }

        return ordered;
    }

    /// <summary>These nodes and all that they read from, as far as the walk meets nodes that <paramref name="follow"/> accepts.</summary>
    public static HashSet<Node> WithAncestors(IEnumerable<Node> nodes, Func<Node, bool> follow)
    {
        var reached = new HashSet<Node>();
        var pending = new Stack<Node>(nodes);
        while (pending.TryPop(out Node? node))
        {
            if (reached.Add(node))
            {
                foreach (Tensor input in node.Inputs)
                {
                    if (input.Producer is { } producer && follow(producer))
                    {
                        pending.Push(producer);
                    }
                }
            }
        }

        return reached;
    }

    /// <summary>
    /// Who reads each tensor, a node that reads it twice listed twice; null stands for whoever reads an output of the graph.
    /// </summary>
    public static Dictionary<Tensor, List<Node?>> Readers(IReadOnlyList<Tensor> outputs, IEnumerable<Node> live)
    {
        var readers = new Dictionary<Tensor, List<Node?>>();
        foreach (Node node in live)
        {
            foreach (Tensor input in node.Inputs)
            {
                ReadersOf(input).Add(node);
            }
        }

        foreach (Tensor output in outputs)
        {
            ReadersOf(output).Add(null);
        }

        return readers;

        List<Node?> ReadersOf(Tensor tensor)
        {
            if (!readers.TryGetValue(tensor, out List<Node?>? list))
            {
                readers.Add(tensor, list = []);
            }

            return list;
        }
    }

    private static void Place(Node node, List<Node> ordered, HashSet<Node> placed)
    {
        if (!placed.Add(node))
        {
            return;
        }

        foreach (Tensor input in node.Inputs)
        {
            if (input.Producer is { } producer)
            {
                Place(producer, ordered, placed);
            }
        }

        ordered.Add(node);
    }
}
